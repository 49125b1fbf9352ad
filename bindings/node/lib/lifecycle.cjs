'use strict';

/** The calls beside a claim: how far the server is, how its drain goes, and that it gives up. */
const { addressCall, call } = require('./client.cjs');
const { wrongArgument } = require('./error.cjs');
const { serving } = require('./grant.cjs');
const { managedServerAt } = require('./managed-server.cjs');
const { Call } = require('./native.cjs');
const { checkOptions } = require('./options.cjs');

const PROGRESS = { connections: 'count', extendMs: 'number of milliseconds' };

/** The whole server is up: every address that it will ever claim is granted and serving. */
function serverUp() {
  call(Call.serverUp());
}

/**
 * This server gives up: the deploy has failed. It does not end the process.
 *
 * @param {unknown} [reason] a text or an error, for people. As in 2013 every argument will do, so that `fail` can be
 *   the callback of whatever went wrong
 */
function fail(reason) {
  call(Call.fail(text(reason) || 'the server gave no reason'));
}

function text(reason) {
  return String(reason?.message ?? reason ?? '');
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
