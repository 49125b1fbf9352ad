'use strict';

/** serverswap for Node: what a server says and hears while it is swapped. See README.md. */
const { ServerSwapError } = require('./lib/error.cjs');
const { listen } = require('./lib/listen.cjs');
const { readyFor } = require('./lib/ready-for.cjs');
const { onTakedown } = require('./lib/takedown.cjs');
const { fail, progress, serverUp, serving } = require('./lib/words.cjs');

/** Whether a supervisor started this process; without one every claim is granted at once. */
const supervised = Boolean(process.env.SERVERSWAP_SOCKET);

/** Which start of the command this process belongs to; opaque. */
const generation = (supervised && process.env.SERVERSWAP_GENERATION) || null;

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
