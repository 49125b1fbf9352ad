'use strict';

/**
 * `readyFor(address, [options], [callback])` in its three forms: the promise, the callback of 2013 without
 * parameters, and `(error, grant)`.
 *
 * When a bound (not inherited) address counts as serving: after the callback has returned or the promise that
 * it returned is fulfilled (in the promise form: after the code behind `await` ran up to its next wait), and
 * one turn of the event loop later, in which a `listen` that fails has ended the process.
 * `{ serving: 'manual' }` leaves it to `grant.serving()`.
 */
const { claim } = require('./claim.cjs');
const { addressCall } = require('./client.cjs');
const { wrongArgument } = require('./error.cjs');
const { servingIfHeld } = require('./grant.cjs');
const { checkOptions } = require('./options.cjs');

const OPTIONS = {
  inherit: 'boolean',
  more: 'boolean',
  signal: 'AbortSignal',
  serving: "'auto' or 'manual'",
};

function readyFor(address, ...rest) {
  const { options, callback } = parsed(rest);
  const { inherit = false, more = false, signal, serving = 'auto' } = options;
  const reportsServing = !inherit && serving === 'auto';
  const granted = claim(addressCall('readyFor', address, inherit, more), signal);
  if (callback !== undefined) {
    granted.then(whenGranted(callback, reportsServing), whenRefused(callback));
    return undefined;
  }
  return reportsServing ? granted.then(reportServingSoon) : granted;
}

function parsed(rest) {
  const callback = typeof rest.at(-1) === 'function' ? rest.pop() : undefined;
  const [options = {}, ...others] = rest;
  if (others.length > 0) {
    throw wrongArgument('readyFor takes an address, options and a callback function');
  }
  return { options: checkOptions(options, OPTIONS), callback };
}

/** The callback runs outside of the promise, so that an error that it throws is uncaught. */
function whenGranted(callback, reportsServing) {
  return (grant) =>
    process.nextTick(() => {
      const result = callback.length === 0 ? callback() : callback(null, grant);
      if (!reportsServing) {
        return;
      }
      if (typeof result?.then === 'function') {
        result.then(() => reportServingSoon(grant));
      } else {
        reportServingSoon(grant);
      }
    });
}

/** For a callback without parameters the error is uncaught: a server without its address must end. */
function whenRefused(callback) {
  return (error) =>
    process.nextTick(() => {
      if (callback.length > 0) {
        callback(error);
      } else if (error.name !== 'AbortError') {
        throw error;
      }
    });
}

function reportServingSoon(grant) {
  setImmediate(() => grant[servingIfHeld]());
  return grant;
}

module.exports = { readyFor };
