'use strict';

/** The lines of a stream, one after the other. */
const { createInterface } = require('node:readline');

class Lines {
  #lines;

  constructor(stream) {
    this.#lines = createInterface({ input: stream })[Symbol.asyncIterator]();
  }

  /** @throws {Error} the stream has ended */
  async next() {
    const { value, done } = await this.#lines.next();
    if (done) {
      throw new Error('the stream ended where a line was expected');
    }
    return value;
  }
}

module.exports = { Lines };
