'use strict';

/**
 * `onTakedown(address, callback)`: what to do when a newer server takes the address.
 *
 * Rules:
 * - a callback that takes a parameter gets `done`; one that takes none is done when it returns, or when the
 *   promise that it returned is fulfilled;
 * - several callbacks of one address are called in the order in which they were registered;
 * - the address is released when all of them are done: never if one throws, nor if none is left. A server
 *   that does not release is ended by its supervisor, at the drain deadline.
 */
const { addressCall, call, client, receive } = require('./client.cjs');
const { wrongArgument } = require('./error.cjs');

/** Number of the handler -> its callback. */
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
  addHandler(address, callback);
}

/** As `onTakedown`; returns the number of the handler. */
function addHandler(address, callback) {
  const number = call(addressCall('onTakedown', address));
  callbacks.set(number, callback);
  return number;
}

/** A handler is not to be called any more. */
function removeHandler(number) {
  callbacks.delete(number);
  client().removeHandler(number);
}

receive('takedown', ({ handlers, address, reason, drainMs }) => {
  const takedown = Object.freeze({ address, reason, drainMs });
  const called = handlers.filter((number) => callbacks.has(number));
  if (called.length > 0) {
    // What was removed while the takedown was on its way is not waited for.
    handlers.filter((number) => !callbacks.has(number)).forEach((number) => client().handlerDone(number));
  }
  for (const number of called) {
    run(callbacks.get(number), takedown, once(() => client().handlerDone(number)));
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

module.exports = { addHandler, onTakedown, removeHandler };
