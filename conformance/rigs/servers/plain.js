// A server that has never heard of serverswap. `plain.js PORT` is one process, `plain.js PORT 2` a cluster of two workers.
'use strict';
const cluster = require('node:cluster');
const http = require('node:http');

const [port, workers] = process.argv.slice(2).map(Number);
const version = process.env.VERSION;

if (workers && cluster.isPrimary) {
  for (let index = 0; index < workers; index += 1) cluster.fork();
  process.on('SIGTERM', () => cluster.disconnect(() => process.exit(0)));
} else {
  const server = http.createServer((request, response) => {
    response.writeHead(200, { Version: version, Pid: process.pid, Connection: 'close' });
    response.end(`Hello from version ${version}\n`);
  });
  server.listen(port, '127.0.0.1');
  if (!workers) process.on('SIGTERM', () => server.close(() => process.exit(0)));
}
