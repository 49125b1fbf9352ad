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
const { claim, claimNow } = require('./claim.cjs');
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
  const call = addressCall('readyFor', address, inherit, more);
  if (callback === undefined) {
    const granted = claim(call, signal);
    return reportsServing ? granted.then(reportServingSoon) : granted;
  }
  const whenDone = reportsServing ? reportServingWhenDone : () => {};
  if (callback.length > 0) {
    claim(call, signal).then(
      outside((grant) => whenDone(grant, [callback(null, grant)])),
      outside((error) => callback(error)),
    );
  } else {
    shareClaim(call, signal, callback, whenDone);
  }
  return undefined;
}

function parsed(rest) {
  const callback = typeof rest.at(-1) === 'function' ? rest.pop() : undefined;
  const [options = {}, ...others] = rest;
  if (others.length > 0) {
    throw wrongArgument('readyFor takes an address, options and a callback function');
  }
  return { options: checkOptions(options, OPTIONS), callback };
}

/**
 * Canonical address -> the last claim with callbacks without parameters. As in 2013, several parts of a program
 * may be ready for the same address, and each is called back.
 */
const shared = new Map();

function shareClaim(call, signal, callback, whenDone) {
  let granted;
  try {
    granted = claimNow(call, signal);
  } catch (error) {
    if (error.code === 'already_claimed' && shared.has(call.address)) {
      shared.get(call.address).add(callback);
      return;
    }
    granted = Promise.reject(error);
  }
  const claimed = new SharedClaim(callback);
  shared.set(call.address, claimed);
  granted.then(outside((grant) => claimed.granted(grant, whenDone)), outside(uncaught));
}

class SharedClaim {
  #callbacks;
  #granted = false;

  constructor(callback) {
    this.#callbacks = new Set([callback]);
  }

  add(callback) {
    if (this.#granted) {
      process.nextTick(callback);
    } else {
      this.#callbacks.add(callback);
    }
  }

  granted(grant, whenDone) {
    this.#granted = true;
    whenDone(grant, [...this.#callbacks].map((callback) => callback()));
  }
}

/** A server without its address must end. */
function uncaught(error) {
  if (error.name !== 'AbortError') {
    throw error;
  }
}

/** Runs outside of a promise, so that an error that is thrown is uncaught. */
function outside(run) {
  return (value) => process.nextTick(() => run(value));
}

/** @param {unknown[]} results of the callbacks: those that are promises are awaited */
function reportServingWhenDone(grant, results) {
  const promises = results.filter((result) => typeof result?.then === 'function');
  if (promises.length > 0) {
    Promise.all(promises).then(() => reportServingSoon(grant));
  } else {
    reportServingSoon(grant);
  }
}

function reportServingSoon(grant) {
  setImmediate(() => grant[servingIfHeld]());
  return grant;
}

module.exports = { readyFor };
