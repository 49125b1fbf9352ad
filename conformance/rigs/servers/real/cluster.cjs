// The cluster of Node: the primary binds, four workers are given its connections.
const cluster = require('node:cluster');
const http = require('node:http');

if (cluster.isPrimary) {
    for (let worker = 0; worker < 4; worker += 1) cluster.fork();
    process.on('SIGTERM', () => cluster.disconnect(() => process.exit(0)));
} else {
    http.createServer((_request, response) => response.end('hello\n')).listen(Number(process.env.PORT), '127.0.0.1');
}
