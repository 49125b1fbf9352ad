'use strict';

// A server whose middleware refuses every request once it is told to stop, as usual behind a load balancer.

const http = require('node:http');
const serverswap = require('../../../bindings/node');

let stops = false;
serverswap.onTakedown(process.env.ADDRESS, () => { stops = true; });

const server = http.createServer((request, response) => {
  response.statusCode = stops ? 503 : 200;
  response.end('Hello\n');
});
serverswap.listen(server, process.env.ADDRESS);
