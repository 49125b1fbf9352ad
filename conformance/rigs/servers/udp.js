'use strict';

// A UDP server: answers every datagram with its version.

const dgram = require('node:dgram');
const serverswap = require('../../../bindings/node');

const { ADDRESS, VERSION } = process.env;

const socket = dgram.createSocket('udp4', (message, from) => {
  socket.send(`version ${VERSION}`, from.port, from.address);
});

serverswap.onTakedown(ADDRESS, () => socket.close());

serverswap.readyFor(ADDRESS, { inherit: true }).then((listener) => {
  socket.bind(listener, () => {
    listener.serving();
    console.log(`version ${VERSION} serves ${ADDRESS}`);
  });
});
