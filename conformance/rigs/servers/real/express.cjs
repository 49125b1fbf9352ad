// Express, with the handler of TERM that its documentation shows.
const express = require('express');

const app = express();
app.get('/', (_request, response) => response.send('hello\n'));
const server = app.listen(Number(process.env.PORT), '127.0.0.1');
process.on('SIGTERM', () => server.close(() => process.exit(0)));
