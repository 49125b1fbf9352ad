'use strict';

// A server that claims as root and is an ordinary user from then on. With the header `Claim` of a request it claims
// that address, and answers with what came of it.

const http = require('node:http');
const serverswap = require('../../../bindings/node');

const { ADDRESS, VERSION } = process.env;
const NOBODY = 65_534;

const server = http.createServer(async (request, response) => {
  const claim = request.headers.claim && serverswap.readyFor(request.headers.claim);
  const outcome = claim ? await claim.then(() => 'granted', ({ code }) => code) : '';
  response.writeHead(200, { Pid: process.pid, Version: VERSION, User: process.getuid(), Outcome: outcome });
  response.end(`Hello from version ${VERSION}\n`);
});

serverswap.listen(server, ADDRESS).then(() => {
  process.setgroups([]);
  process.setgid(NOBODY);
  process.setuid(NOBODY);
  console.log(`version ${VERSION} serves ${ADDRESS}`);
});
