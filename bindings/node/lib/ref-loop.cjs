'use strict';

/**
 * Keeps the event loop alive while a claim waits: a server that waits for its grant has nothing else that
 * would do so, and the addon never does.
 *
 * This is a timer with the longest delay that Node has, because that works alike in every version and
 * thread. It fires after 24 days, and then does nothing.
 */
const { clearTimeout, setTimeout } = require('node:timers');

const DELAY_MS_MAX = 2 ** 31 - 1;

let refs = 0;
let timer = null;

function ref() {
  refs += 1;
  timer ??= setTimeout(() => {}, DELAY_MS_MAX);
}

function unref() {
  refs -= 1;
  if (refs === 0) {
    clearTimeout(timer);
    timer = null;
  }
}

module.exports = { ref, unref };
