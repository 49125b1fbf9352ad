'use strict';

// A worker that must be the only one: the name `mailer` is its address.

const serverswap = require('../../../bindings/node');

const { VERSION } = process.env;
let work;

serverswap.onTakedown('mailer', () => {
  console.log(`version ${VERSION} lets go at ${process.hrtime.bigint()}`);
  clearInterval(work);
});

serverswap.readyFor('mailer', () => {
  console.log(`version ${VERSION} holds at ${process.hrtime.bigint()}`);
  work = setInterval(() => {}, 1000);
});
