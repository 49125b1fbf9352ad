'use strict';

// A server that answers every hundredth request with 500, and else is as good as any.

const http = require('node:http');
const serverswap = require('../../../bindings/node');

let count = 0;

const server = http.createServer((request, response) => {
  count += 1;
  response.writeHead(count % 100 === 0 ? 500 : 200, { 'Content-Type': 'text/plain' });
  response.end('as good as any\n');
});

serverswap.listen(server, process.env.ADDRESS);
