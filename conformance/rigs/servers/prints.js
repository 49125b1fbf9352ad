'use strict';

// A line to stdout and one to stderr for each request, as access logs do. Node ends when a write fails.

const http = require('node:http');
const serverswap = require('../../../bindings/node');

const { ADDRESS, VERSION } = process.env;

const server = http.createServer((request, response) => {
  console.log(`version ${VERSION} was asked for ${request.url}`);
  console.error(`version ${VERSION} answers ${request.url}`);
  response.writeHead(200, { 'Content-Type': 'text/plain', Pid: process.pid, Version: VERSION });
  response.end(`Hello from version ${VERSION}\n`);
});

console.log(`version ${VERSION} starts`);
serverswap.listen(server, ADDRESS).then(() => {
  console.log(`version ${VERSION} serves ${ADDRESS}`);
});
