'use strict';

/**
 * `await listen(server, address, options)`: the whole life of a server on an inherited address.
 *
 * It claims the address, listens on the socket that is passed and reports `serving`. When the address is
 * taken, it stops accepting, releases the address and drains. Nothing here keeps the event loop alive, so the
 * process ends by itself with its last connection.
 */
const net = require('node:net');

const { claim } = require('./claim.cjs');
const { addressCall } = require('./client.cjs');
const { wrongArgument } = require('./error.cjs');
const { ManagedServer } = require('./managed-server.cjs');
const { checkOptions } = require('./options.cjs');

const OPTIONS = {
  more: 'boolean',
  signal: 'AbortSignal',
  drainTimeout: 'number of milliseconds',
  onTakedown: 'function',
};

async function listen(server, address, options = {}) {
  checkServer(server);
  const { more = false, signal, ...rest } = checkOptions(options, OPTIONS);
  const readyFor = addressCall('readyFor', address, true, more);
  const managed = new ManagedServer(server, address, rest);
  const grant = await claim(readyFor, signal).catch((error) => {
    managed.refused();
    throw error;
  });
  await managed.granted(grant);
  return managed.handle;
}

function checkServer(server) {
  if (!(server instanceof net.Server)) {
    throw wrongArgument('listen takes a server of node:http, node:https, node:http2, node:tls or node:net');
  }
  if (server.listening) {
    throw wrongArgument('the server listens already; let listen() make it listen');
  }
}

module.exports = { listen };
