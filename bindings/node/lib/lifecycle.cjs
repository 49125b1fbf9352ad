'use strict';

/** The calls beside a claim: how far the server is, how its drain goes, and that it gives up. */
const { addressCall, call } = require('./client.cjs');
const { wrongArgument } = require('./error.cjs');
const { managedServerAt } = require('./managed-server.cjs');
const { Call } = require('./native.cjs');
const { checkOptions } = require('./options.cjs');

const PROGRESS = { connections: 'count', extendMs: 'number of milliseconds' };

/**
 * The accept loop of a granted address runs.
 *
 * @throws {ServerSwapError} `not_held`
 */
function serving(address) {
  call(addressCall('serving', address));
}

/** The whole server is up: every address that it will ever claim is granted and serving. */
function serverUp() {
  call(Call.serverUp());
}

/** This server gives up: the deploy has failed, for this reason. It does not end the process. */
function fail(reason) {
  if (typeof reason !== 'string' || reason === '') {
    throw wrongArgument('fail takes the reason, a string that is not empty');
  }
  call(Call.fail(reason));
}

/** Reports the progress of a drain; `extendMs` asks for that much time from now on. */
function progress(address, options = {}) {
  const { connections, extendMs } = checkOptions(options, PROGRESS);
  const report = addressCall('progress', address, connections, extendMs);
  call(report);
  if (extendMs !== undefined) {
    managedServerAt(report.address)?.extend(extendMs);
  }
}

module.exports = { fail, progress, serverUp, serving };
