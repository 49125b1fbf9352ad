'use strict';

// A server that says nothing about takedown: it is ended when its address is taken.

const http = require('node:http');
const serverswap = require('../../../bindings/node');

const { ADDRESS, VERSION } = process.env;

serverswap.readyFor(ADDRESS, { inherit: true }).then((listener) => {
  const server = http.createServer((request, response) => {
    response.writeHead(200, { Pid: process.pid, Version: VERSION });
    response.end();
  });
  server.listen(listener, () => {
    listener.serving();
    console.log(`version ${VERSION} serves ${ADDRESS}`);
  });
});
