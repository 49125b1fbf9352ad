'use strict';

const { once } = require('node:events');
const net = require('node:net');

/** A TCP port that was free a moment ago, below those that the kernel gives to clients (from 32768 on). */
async function freePort() {
  for (;;) {
    const port = 12_000 + Math.floor(Math.random() * 20_000);
    const server = net.createServer().listen(port);
    try {
      await once(server, 'listening');
    } catch {
      continue;
    }
    server.close();
    await once(server, 'close');
    return port;
  }
}

module.exports = { freePort };
