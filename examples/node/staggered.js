'use strict';

// One server, two addresses, each swapped on its own: while this server has taken over the first,
// the old one still serves the second.
// Start it and deploy it with: serverswap-deploy node staggered.js

const http = require('node:http');
const serverswap = require('../../bindings/node');

const { ADDRESS = ':8080', ADMIN_ADDRESS = ':8081', VERSION = '1' } = process.env;

function serverFor(purpose) {
  return http.createServer((request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/plain', Pid: process.pid, Version: VERSION });
    response.end(`The ${purpose} of version ${VERSION}\n`);
  });
}

async function main() {
  // `more`: the deploy has not succeeded before `serverUp` is said.
  await serverswap.listen(serverFor('shop'), ADDRESS, { more: true });
  console.log(`version ${VERSION} serves ${ADDRESS}`);

  await serverswap.listen(serverFor('office'), ADMIN_ADDRESS, { more: true });
  console.log(`version ${VERSION} serves ${ADMIN_ADDRESS}`);

  serverswap.serverUp();
}

main();
