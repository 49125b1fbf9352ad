'use strict';

/**
 * Which counts of open connections are worth a message: the first, the last ones one by one, and in
 * between each that is a tenth lower. So ten thousand connections cost about a hundred messages,
 * without a timer.
 */
const ONE_BY_ONE = 10;
const STEP = 0.9;

/** @param {(open: number) => void} report */
function thinned(report) {
  let reported = Infinity;
  return (open) => {
    if (open <= ONE_BY_ONE || open <= reported * STEP) {
      reported = open;
      report(open);
    }
  };
}

module.exports = { thinned };
