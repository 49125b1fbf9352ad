'use strict';

/**
 * `readyFor(address, [options], [callback])` in its three forms: the promise, the callback of
 * 2013 that takes nothing, and `(error, grant)`.
 *
 * When a bound (not inherited) address counts as serving: after the callback has returned or the
 * promise that it returned is fulfilled (in the promise form: after the code behind `await` ran
 * up to its next wait), and one turn of the event loop later, in which a `listen` that fails has
 * ended the process. `{ serving: 'manual' }` leaves it to `grant.serving()`.
 */
const { addressOf } = require('./address.cjs');
const { claim } = require('./claim.cjs');
const { wrongArgument } = require('./error.cjs');
const { grantOf, servingIfHeld } = require('./grant.cjs');
const { checkOptions } = require('./options.cjs');

const OPTIONS = {
  inherit: 'boolean',
  more: 'boolean',
  signal: 'AbortSignal',
  serving: "'auto' or 'manual'",
};

function readyFor(address, ...rest) {
  const canonical = addressOf(address);
  const { options, callback } = sorted(rest);
  const { inherit = false, more = false, signal, serving = 'auto' } = options;
  const says = !inherit && serving === 'auto';
  const granted = claim(canonical, { inherit, more, signal }).then(grantOf);
  if (callback !== undefined) {
    granted.then(whenGranted(callback, says), whenRefused(callback));
    return undefined;
  }
  return says ? granted.then(sayServingSoon) : granted;
}

function sorted(rest) {
  const callback = typeof rest.at(-1) === 'function' ? rest.pop() : undefined;
  const [options = {}, ...others] = rest;
  if (others.length > 0) {
    throw wrongArgument('readyFor takes an address, options and a callback function');
  }
  return { options: checkOptions(options, OPTIONS), callback };
}

/** The callback runs outside of the promise, so that what it throws is an uncaught exception. */
function whenGranted(callback, says) {
  return (grant) =>
    process.nextTick(() => {
      const result = callback.length === 0 ? callback() : callback(null, grant);
      if (!says) {
        return;
      }
      if (typeof result?.then === 'function') {
        result.then(() => sayServingSoon(grant));
      } else {
        sayServingSoon(grant);
      }
    });
}

/** A callback that takes no error leaves it uncaught: a server without its address must end. */
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

function sayServingSoon(grant) {
  setImmediate(() => grant[servingIfHeld]());
  return grant;
}

module.exports = { readyFor };
