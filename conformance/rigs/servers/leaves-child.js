'use strict';

// A server that starts a child which outlives it, in a session of its own.

const { spawn } = require('node:child_process');
const http = require('node:http');
const serverswap = require('../../../bindings/node');

spawn('sleep', ['600'], { detached: true, stdio: 'ignore' }).unref();

const server = http.createServer((request, response) => response.end('Hello\n'));
serverswap.listen(server, process.env.ADDRESS);
