'use strict';

/**
 * `onTakedown(address, callback)`: what to do when a newer server takes the address.
 *
 * Rules:
 * - a callback that takes a parameter gets `done`; one that takes none is done when it returns, or when the
 *   promise that it returned is fulfilled;
 * - several callbacks of one address are called in the order in which they were registered;
 * - one that throws, or whose promise is rejected, is done as well, as in 2013, and there is a warning: the new
 *   server waits for the address, and an uncaught error would cut the connections that this one finishes;
 * - the address is released when all of them are done: never if none is left. A server that does not release is
 *   ended by its supervisor, at the drain deadline.
 */
const { addressCall, call, client, receive } = require('./client.cjs');
const { endWhenIdle } = require('./cluster-worker.cjs');
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

receive('takedown', ({ handlers, address, reason, drainMs, streamMs }) => {
  const takedown = Object.freeze({ address, reason, drainMs, streamMs });
  const called = handlers.filter((number) => callbacks.has(number));
  if (called.length > 0) {
    // What was removed while the takedown was on its way is not waited for.
    handlers.filter((number) => !callbacks.has(number)).forEach((number) => client().handlerDone(number));
  }
  for (const number of called) {
    const done = () => {
      client().handlerDone(number);
      endWhenIdle();
    };
    run(callbacks.get(number), takedown, once(done));
  }
});

function run(callback, takedown, done) {
  const failed = (error) => {
    warnOfFailure(takedown.address, error);
    done();
  };
  try {
    const result = callback.length > 0 ? callback(done, takedown) : callback();
    if (typeof result?.then === 'function') {
      result.then(callback.length > 0 ? undefined : done, failed);
    } else if (callback.length === 0) {
      done();
    }
  } catch (error) {
    failed(error);
  }
}

/** Reports that a callback of a takedown has thrown. */
function warnOfFailure(address, error) {
  const message = `a takedown callback has failed; \`${address}\` is released all the same`;
  const detail = String(error?.stack ?? error);
  process.emitWarning(message, { type: 'ServerSwapWarning', code: 'takedown_callback_failed', detail });
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

module.exports = { addHandler, onTakedown, removeHandler, warnOfFailure };
