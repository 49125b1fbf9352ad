'use strict';

// A server that crashes when it gets SIGUSR2, after it began to serve.

const http = require('node:http');
const serverswap = require('../../../bindings/node');

const { ADDRESS, VERSION } = process.env;

serverswap.readyFor(ADDRESS, { inherit: true }).then((listener) => {
  const server = http.createServer((request, response) => {
    response.writeHead(200, { Pid: process.pid, Version: VERSION, Connection: 'close' });
    response.end();
  });
  server.listen(listener, () => {
    process.once('SIGUSR2', () => process.exit(7));
    listener.serving();
    console.log(`version ${VERSION} serves ${ADDRESS}`);
  });
});
