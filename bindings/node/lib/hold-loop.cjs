'use strict';

/**
 * Holds the event loop while a claim waits: a server that waits for its grant has nothing
 * else that would keep the process alive, and the addon never does.
 *
 * A timer with the longest delay that Node knows is the holder: it works alike in every version
 * and thread, and does not fire within 24 days (and then does nothing).
 */
const { clearTimeout, setTimeout } = require('node:timers');

const DELAY_MS_MAX = 2 ** 31 - 1;

let holders = 0;
let timer = null;

function hold() {
  holders += 1;
  timer ??= setTimeout(() => {}, DELAY_MS_MAX);
}

function letGo() {
  holders -= 1;
  if (holders === 0) {
    clearTimeout(timer);
    timer = null;
  }
}

module.exports = { hold, letGo };
