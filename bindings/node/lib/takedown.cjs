'use strict';

/**
 * `onTakedown(address, callback)`: what to do when a newer server takes the address.
 *
 * Rules:
 * - a callback that takes a parameter is handed `done`; one that takes none is done when it
 *   returns, or when the promise that it returned is fulfilled;
 * - several callbacks of one address are called in the order of their registration;
 * - `released` is said when all of them are done: never if one throws, nor if none is left. A server
 *   that does not answer is ended by its supervisor, at the drain deadline.
 */
const { addressOf } = require('./address.cjs');
const { call, receive } = require('./client.cjs');
const { wrongArgument } = require('./error.cjs');

/** Canonical address -> callbacks. */
const callbacks = new Map();

/**
 * @param {string | number} address
 * @param {Function} callback
 * @throws {ServerSwapError} `invalid_argument`, `invalid_address`, or `forked`
 */
function onTakedown(address, callback) {
  if (typeof callback !== 'function') {
    throw wrongArgument(`onTakedown takes an address and a callback function, not ${typeof callback}`);
  }
  const canonical = addressOf(address);
  call('onTakedown', canonical);
  callbacks.set(canonical, [...(callbacks.get(canonical) ?? []), callback]);
}

/** Takes the registration of a callback back. `address` is a canonical one. */
function offTakedown(address, callback) {
  const left = (callbacks.get(address) ?? []).filter((other) => other !== callback);
  callbacks.set(address, left);
}

receive('takedown', ({ address, reason, drainMs }) => {
  const takedown = Object.freeze({ address, reason, drainMs });
  const called = callbacks.get(address) ?? [];
  let open = called.length;
  const done = () => {
    open -= 1;
    if (open === 0) {
      call('released', address);
    }
  };
  for (const callback of called) {
    run(callback, takedown, once(done));
  }
});

function run(callback, takedown, done) {
  if (callback.length > 0) {
    callback(done, takedown);
    return;
  }
  const result = callback();
  if (typeof result?.then === 'function') {
    result.then(done);
  } else {
    done();
  }
}

function once(done) {
  let called = false;
  return () => {
    if (!called) {
      called = true;
      done();
    }
  };
}

module.exports = { offTakedown, onTakedown };
