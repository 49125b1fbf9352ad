'use strict';

// A server whose event loop stands still for as many milliseconds as the header `Block` of a request says, once that
// is answered.

const http = require('node:http');
const serverswap = require('../../../bindings/node');

const { ADDRESS, VERSION } = process.env;

const server = http.createServer((request, response) => {
  response.writeHead(200, { Pid: process.pid, Version: VERSION });
  response.end(`Hello from version ${VERSION}\n`);
  response.on('close', () => {
    const until = Date.now() + Number(request.headers.block ?? 0);
    while (Date.now() < until);
  });
});

// Node's own limit for an idle connection is shorter than the event loop stands still.
server.keepAliveTimeout = 60_000;

serverswap.listen(server, ADDRESS).then(() => console.log(`version ${VERSION} serves ${ADDRESS}`));
