'use strict';

// A server with one page, which is not `/`.

const http = require('node:http');
const serverswap = require('../../../bindings/node');

const server = http.createServer((request, response) => {
  response.writeHead(request.url === '/health' ? 200 : 404);
  response.end();
});
serverswap.listen(server, process.env.ADDRESS);
