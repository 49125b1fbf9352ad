'use strict';

// A served application that deploys its next version itself, at SIGUSR2, as a webhook would; HOW is a shell command
// in which $DEPLOY is `serverswap-deploy` and what it starts.

const { spawn } = require('node:child_process');
const http = require('node:http');
const serverswap = require('../../../bindings/node');

const { ADDRESS, HOW } = process.env;
const version = Number(process.env.VERSION);

const server = http.createServer((request, response) => {
  response.writeHead(200, { Pid: process.pid, Version: version });
  response.end();
});

process.once('SIGUSR2', () => {
  const env = { ...process.env, VERSION: version + 1 };
  spawn('sh', ['-c', HOW], { env, stdio: ['ignore', 'inherit', 'inherit'] }).unref();
});

serverswap.listen(server, ADDRESS).then(() => console.log(`version ${version} serves ${ADDRESS}`));
