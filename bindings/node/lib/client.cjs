'use strict';

/**
 * This thread's end of the process's one connection: calls go down to the addon, events come
 * up and are handed to whoever registered for their type.
 *
 * The connection is made by the first call, not by `require`. It never holds the event loop.
 */
const { debuglog } = require('node:util');
const { isMainThread } = require('node:worker_threads');

const { ServerSwapError } = require('./error.cjs');
const { Client } = require('./native.cjs');

const debug = debuglog('serverswap');
const receivers = new Map();
let client = null;

/** Registers the one receiver of a type of event. */
function receive(type, receiver) {
  receivers.set(type, receiver);
}

/**
 * Calls a method of the addon's `Client`.
 *
 * @throws {ServerSwapError} what the addon refuses
 */
function call(method, ...args) {
  debug('%s %o', method, args);
  return translated(() => {
    client ??= new Client(deliver, isMainThread);
    return client[method](...args);
  });
}

/** As `call`, and of no effect when the address is not held, or not any more. */
function callIfHeld(method, ...args) {
  try {
    call(method, ...args);
  } catch (error) {
    if (error.code !== 'not_held') {
      throw error;
    }
  }
}

/** Runs a call into the addon, whose errors have a code of ours and no class. */
function translated(run) {
  try {
    return run();
  } catch (error) {
    throw new ServerSwapError(error.code, error.message);
  }
}

function deliver(event) {
  debug('event %o', event);
  receivers.get(event.type)?.(event);
}

receive('error', ({ code, message }) => {
  process.emitWarning(message, { type: 'ServerSwapWarning', code });
});

module.exports = { call, callIfHeld, receive, translated };
