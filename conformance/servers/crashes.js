'use strict';

// A server that crashes a second after it began to serve.

const http = require('node:http');
const serverswap = require('../../bindings/node');

const { ADDRESS, VERSION } = process.env;

serverswap.readyFor(ADDRESS, { inherit: true }).then((listener) => {
  const server = http.createServer((request, response) => {
    response.writeHead(200, { Pid: process.pid, Version: VERSION, Connection: 'close' });
    response.end();
  });
  server.listen(listener, () => {
    listener.serving();
    console.log(`version ${VERSION} serves ${ADDRESS}`);
    setTimeout(() => process.exit(7), 1_000);
  });
});
