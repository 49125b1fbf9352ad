'use strict';

/**
 * serverswap for Node: what a server says and hears while it is swapped. See README.md.
 *
 * To require it loads the addon, so that a missing one is heard of at once, and no more: each word loads what it
 * needs when it is first said.
 */
const { ServerSwapError } = require('./lib/error.cjs');
require('./lib/native.cjs');

/** Whether a supervisor started this process; without one every claim is granted at once. */
const supervised = Boolean(process.env.SERVERSWAP_SOCKET);

/** Which start of the command this process belongs to; opaque. */
const generation = (supervised && process.env.SERVERSWAP_GENERATION) || null;

function listen(...args) {
  return require('./lib/listen.cjs').listen(...args);
}

function readyFor(...args) {
  return require('./lib/ready-for.cjs').readyFor(...args);
}

function onTakedown(...args) {
  return require('./lib/takedown.cjs').onTakedown(...args);
}

function serving(...args) {
  return require('./lib/lifecycle.cjs').serving(...args);
}

function serverUp() {
  return require('./lib/lifecycle.cjs').serverUp();
}

function fail(...args) {
  return require('./lib/lifecycle.cjs').fail(...args);
}

function progress(...args) {
  return require('./lib/lifecycle.cjs').progress(...args);
}

module.exports = {
  ServerSwapError,
  fail,
  generation,
  listen,
  onTakedown,
  progress,
  readyFor,
  serverUp,
  serving,
  supervised,
};
