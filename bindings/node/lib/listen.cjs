'use strict';

/**
 * `await listen(server, address, options)`: the whole life of a server on an inherited address.
 *
 * Claim, listen on the socket that is passed, say `serving`, and when the address is taken: stop
 * accepting, say `released`, drain. Nothing here holds the event loop, so the process ends by
 * itself when its last connection has.
 */
const net = require('node:net');

const { addressOf } = require('./address.cjs');
const { claim } = require('./claim.cjs');
const { wrongArgument } = require('./error.cjs');
const { grantOf } = require('./grant.cjs');
const { checkOptions } = require('./options.cjs');
const { Served } = require('./served.cjs');

const OPTIONS = {
  more: 'boolean',
  signal: 'AbortSignal',
  drainTimeout: 'number of milliseconds',
  onTakedown: 'function',
};

async function listen(server, address, options = {}) {
  checkServer(server);
  const canonical = addressOf(address);
  const { more = false, signal, ...rest } = checkOptions(options, OPTIONS);
  const served = new Served(server, canonical, rest);
  const answer = claim(canonical, { inherit: true, more, signal });
  const grant = await answer.then(grantOf).catch((error) => {
    served.refused();
    throw error;
  });
  await served.granted(grant);
  return served.handle;
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
