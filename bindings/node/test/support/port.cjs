'use strict';

const { once } = require('node:events');
const dgram = require('node:dgram');
const net = require('node:net');

/**
 * A TCP port that is free, below those that the kernel gives to clients (from 32768 on). It is given out to nobody
 * else while this process lives: as all tests of this repository do, it has the UDP port 30,000
 * above it.
 */
async function freePort() {
  for (;;) {
    const port = 12_000 + Math.floor(Math.random() * 18_000);
    const reservation = dgram.createSocket('udp4').unref();
    const server = net.createServer();
    try {
      reservation.bind(port + 30_000, '127.0.0.1');
      await once(reservation, 'listening');
      server.listen(port);
      await once(server, 'listening');
    } catch {
      reservation.close();
      continue;
    }
    server.close();
    await once(server, 'close');
    return port;
  }
}

module.exports = { freePort };
