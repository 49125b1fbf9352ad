'use strict';

// A server that is ready, is granted its address, and never serves.

const serverswap = require('../../../bindings/node');

const { ADDRESS } = process.env;

serverswap.readyFor(ADDRESS, { inherit: true }).then(() => {
  console.log(`granted ${ADDRESS}`);
  // Something that keeps it alive.
  setInterval(() => {}, 3_600_000);
});
