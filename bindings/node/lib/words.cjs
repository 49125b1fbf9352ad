'use strict';

/** What a server says beside its claims: how far it is, and that it gives up. */
const { addressOf } = require('./address.cjs');
const { call } = require('./client.cjs');
const { wrongArgument } = require('./error.cjs');
const { checkOptions } = require('./options.cjs');
const { servedAt } = require('./served.cjs');

const PROGRESS = { connections: 'count', extendMs: 'number of milliseconds' };

/**
 * The accept loop of a granted address runs.
 *
 * @throws {ServerSwapError} `not_held`
 */
function serving(address) {
  call('serving', addressOf(address));
}

/** The whole server is up: every address that it will ever claim is granted and serving. */
function serverUp() {
  call('serverUp');
}

/** This server gives up: the deploy has failed, for this reason. The process is not ended by it. */
function fail(reason) {
  if (typeof reason !== 'string' || reason === '') {
    throw wrongArgument('fail takes the reason, a string that is not empty');
  }
  call('fail', reason);
}

/** How the drain of an address goes; `extendMs` asks for that much time from now on. */
function progress(address, options = {}) {
  const canonical = addressOf(address);
  const { connections, extendMs } = checkOptions(options, PROGRESS);
  call('progress', canonical, connections, extendMs);
  if (extendMs !== undefined) {
    servedAt(canonical)?.extend(extendMs);
  }
}

module.exports = { fail, progress, serverUp, serving };
