'use strict';

/** Websockets of ws, answers that flow, and short ones. */
const http = require('node:http');
const path = require('node:path');

const NODE = path.join(__dirname, '..', '..', '..', 'bindings', 'node');
const serverswap = require(NODE);
const { WebSocketServer } = require(path.join(NODE, 'test/outside/node_modules/ws'));

const PART_MS = 50;

const server = http.createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://rig');
  if (pathname !== '/answer') {
    response.setHeader('Content-Length', 2).end('ok');
    return;
  }
  response.writeHead(200, { 'Content-Type': 'text/event-stream' });
  const parts = setInterval(() => response.write('data: word\n\n'), PART_MS);
  const over = setTimeout(() => response.end('data: [DONE]\n\n'), Number(searchParams.get('ms')));
  response.on('close', () => {
    clearInterval(parts);
    clearTimeout(over);
  });
});
new WebSocketServer({ server });
serverswap.listen(server, process.env.ADDRESS);
