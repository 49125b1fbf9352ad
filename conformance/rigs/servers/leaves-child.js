'use strict';

// A server that starts a child which outlives it: in a session of its own, without a parent that lives, and without
// the variable by which the processes of a generation are found.

const { spawn } = require('node:child_process');
const http = require('node:http');
const serverswap = require('../../../bindings/node');

const { SERVERSWAP_GENERATION, ...env } = process.env;
spawn('sh', ['-c', 'sleep 600 &'], { detached: true, stdio: 'ignore', env }).unref();

const server = http.createServer((request, response) => response.end('Hello\n'));
serverswap.listen(server, process.env.ADDRESS);
