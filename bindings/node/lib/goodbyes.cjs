'use strict';

/**
 * The goodbyes of one drain: what lives on is told to go at an even pace, silent connections before those that flow.
 *
 * What is told is looked for again all the time: a websocket may be opened on a connection that was silent, a stream falls silent.
 */
const { Pace, goodbyeOrder } = require('./native.cjs');

/** How long until it is looked again, at most. */
const LOOK_MS_MAX = 1_000;

/** As often is it looked before a connection counts as silent. */
const LOOKS = 4;

class Goodbyes {
  #find;
  #say;
  #silentMs;
  #silentAfterMs;
  #begun = performance.now();
  #pace;
  #waiting = [];
  #lookAgain = 0;
  #timer;

  /**
   * @param {object} options
   * @param {number} options.drainMs how long the drain lasts
   * @param {number} options.silentAfterMs for how long nothing is sent before a response is silent
   * @param {number} options.jitter a random number from 0 to 1
   * @param {() => object[]} options.find what lives on and was not told yet
   * @param {(socket: import('node:net').Socket) => number} options.silentMs for how long nothing was sent on a socket
   * @param {(connection: object) => void} options.say tells one of them
   */
  constructor({ drainMs, silentAfterMs, jitter, find, silentMs, say }) {
    this.#find = find;
    this.#say = say;
    this.#silentMs = silentMs;
    this.#silentAfterMs = silentAfterMs;
    this.#pace = new Pace(drainMs, jitter);
    this.#run();
  }

  /** The deadline is that many milliseconds from now. */
  extend(drainMs) {
    this.#pace.extend(this.#now() + drainMs);
  }

  /** Nobody is told any more. */
  stop() {
    clearTimeout(this.#timer);
  }

  #now() {
    return performance.now() - this.#begun;
  }

  #run() {
    const now = this.#now();
    if (now >= this.#lookAgain) {
      this.#look();
      this.#lookAgain = now + Math.min(this.#silentAfterMs / LOOKS, LOOK_MS_MAX);
    }
    for (let next = this.#next(); next !== undefined && this.#pace.isDue(now, this.#waiting.length); next = this.#next()) {
      this.#waiting.pop();
      this.#say(next);
    }
    const due = this.#pace.nextMs(this.#waiting.length) ?? Infinity;
    this.#timer = setTimeout(() => this.#run(), Math.min(due, this.#lookAgain) - now).unref();
  }

  /** Those that wait, the next one last. */
  #look() {
    const silences = new Map(this.#find().map((connection) => [connection, this.#silentMs(connection.socket)]));
    const ready = [...silences].filter(([{ waitsForSilence }, silentMs]) => !waitsForSilence || silentMs >= this.#silentAfterMs);
    const order = goodbyeOrder(ready.map(([, silentMs]) => silentMs));
    this.#waiting = order.map((place) => ready[place][0]).reverse();
  }

  /** Of those that have not ended by themselves, or begun to flow. */
  #next() {
    while (this.#waiting.length > 0) {
      const next = this.#waiting.at(-1);
      if (next.isOpen() && (!next.waitsForSilence || this.#silentMs(next.socket) >= this.#silentAfterMs)) {
        return next;
      }
      this.#waiting.pop();
    }
    return undefined;
  }
}

module.exports = { Goodbyes };
