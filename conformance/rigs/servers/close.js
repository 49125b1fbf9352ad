'use strict';

// What most programs do when they are told to stop: Node's own `server.close()`, which closes idle
// keep-alive connections at once. For the comparison in `make bench` only.

const http = require('node:http');
const serverswap = require('../../../bindings/node');

const { ADDRESS, VERSION } = process.env;

const server = http.createServer((request, response) => {
  response.writeHead(200, { 'Content-Type': 'text/plain', Pid: process.pid, Version: VERSION });
  response.end(`Hello from version ${VERSION}\n`);
});

serverswap.onTakedown(ADDRESS, () => {
  server.close(() => process.exit(0));
});

serverswap.readyFor(ADDRESS, { inherit: true }).then((listener) => {
  server.listen(listener, () => {
    listener.serving();
    console.log(`version ${VERSION} serves ${ADDRESS}`);
  });
});
