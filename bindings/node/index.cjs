'use strict';

/**
 * serverswap for Node: what a server calls, and is called back for, while it is replaced. See README.md.
 *
 * `require` loads the addon, so that a missing one is reported at once, and nothing else, because it is to be quick:
 * each function loads its module when it is first called.
 */
const { ServerSwapError } = require('./lib/error.cjs');
require('./lib/native.cjs');

/** Whether a supervisor started this process; without one every claim is granted at once. */
const supervised = Boolean(process.env.SERVERSWAP_SOCKET);

/** An opaque identifier of the start of the command that this process belongs to. */
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
