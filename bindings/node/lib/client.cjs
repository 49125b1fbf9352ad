'use strict';

/**
 * This thread's end of the one connection of the process: calls go to the addon, and each event goes to
 * the receiver of its type.
 *
 * The connection is made by the first call, not by `require`. It never keeps the event loop alive.
 */
const { debuglog } = require('node:util');
const { isMainThread } = require('node:worker_threads');

const { ServerSwapError, wrongArgument } = require('./error.cjs');
const { Call, Client } = require('./native.cjs');

const debug = debuglog('serverswap');
const receivers = new Map();
let instance = null;

/** Sets the one receiver of a type of event. */
function receive(type, receiver) {
  receivers.set(type, receiver);
}

/** @throws {ServerSwapError} `invalid_environment`, `exhausted` */
function client() {
  instance ??= translated(() => new Client(deliver, isMainThread));
  return instance;
}

/**
 * Makes a call; returns its number, which the events have that belong to it.
 *
 * @param {Call} value
 * @throws {ServerSwapError} the call is not possible now
 */
function call(value) {
  debug('%s', value);
  return translated(() => client().call(value));
}

/** As `call`, and of no effect when the address is not held, or no longer held. */
function callIfHeld(value) {
  try {
    call(value);
  } catch (error) {
    if (error.code !== 'not_held') {
      throw error;
    }
  }
}

/**
 * A call about an address, not yet made. Its `address` is the canonical one.
 *
 * @param {'readyFor' | 'serving' | 'onTakedown' | 'progress'} kind
 * @param {string | number} address
 * @throws {ServerSwapError} `invalid_argument`: neither a string nor a port number;
 *   `invalid_address`: a string that is no address
 */
function addressCall(kind, address, ...rest) {
  if (typeof address !== 'string' && !Number.isInteger(address)) {
    throw wrongArgument(`an address is a string such as ':8080' or a port number, not ${typeof address}`);
  }
  return translated(() => Call[kind](String(address), ...rest));
}

/** Runs a function of the addon, whose errors have our codes but not our class. */
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

module.exports = { addressCall, call, callIfHeld, client, receive };
