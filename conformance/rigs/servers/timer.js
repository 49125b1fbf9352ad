'use strict';

// A server with a timer, as many applications have one: it does not end by itself when it has drained.

const http = require('node:http');
const serverswap = require('../../../bindings/node');

const { ADDRESS, VERSION } = process.env;

setInterval(() => {}, 1_000);
const server = http.createServer((request, response) => response.end(`Hello from version ${VERSION}\n`));
serverswap.listen(server, ADDRESS).then(() => console.log(`version ${VERSION} serves ${ADDRESS}`));
