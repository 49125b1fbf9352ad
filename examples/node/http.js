'use strict';

// A server that loses no request when it is replaced.
// Start it and deploy it with: serverswap-deploy node http.js

const http = require('node:http');
const serverswap = require('../../bindings/node');

const { ADDRESS = ':8080', VERSION = '1' } = process.env;

const server = http.createServer((request, response) => {
  response.writeHead(200, { 'Content-Type': 'text/plain', Pid: process.pid, Version: VERSION });
  response.end(`Hello from version ${VERSION}\n`);
});

// Everything slow (databases, caches, compiling) goes before this line: the old server serves
// until it is reached.
serverswap.listen(server, ADDRESS).then(() => {
  console.log(`version ${VERSION} serves ${ADDRESS}`);
});
