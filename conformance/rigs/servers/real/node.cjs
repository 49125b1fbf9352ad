// A plain server of Node, as its documentation shows it.
const http = require('node:http');

http.createServer((_request, response) => response.end('hello\n')).listen(Number(process.env.PORT), '127.0.0.1');
