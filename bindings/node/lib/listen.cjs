'use strict';

/**
 * `await listen(server, address, options)`: the whole life of a server on an inherited address.
 *
 * It claims the address, listens on the socket that is passed and reports `serving`. When the address is
 * taken, it stops accepting, releases the address and drains. Nothing here keeps the event loop alive, so the
 * process ends by itself with its last connection.
 */
const http = require('node:http');
const net = require('node:net');

const { claim } = require('./claim.cjs');
const { addressCall } = require('./client.cjs');
const { ServerSwapError, wrongArgument } = require('./error.cjs');
const { ManagedServer } = require('./managed-server.cjs');
const { checkOptions } = require('./options.cjs');

const OPTIONS = {
  more: 'boolean',
  signal: 'AbortSignal',
  drainTimeout: 'number of milliseconds',
  onTakedown: 'function',
  goodbye: 'function',
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
  if (process.versions.bun && server instanceof http.Server) {
    throw new ServerSwapError(
      'not_supported',
      'an HTTP server of Bun cannot listen on a socket that it is given; nothing was claimed, and an older server was not touched\n' +
        'hint: claim the address with `readyFor(address, callback)` and bind it in the callback, or run this server with Node',
    );
  }
  if (!(server instanceof net.Server)) {
    throw wrongArgument('listen takes a server of node:http, node:https, node:http2, node:tls or node:net');
  }
  if (server.listening) {
    throw wrongArgument('the server listens already; let listen() make it listen');
  }
}

module.exports = { listen };
