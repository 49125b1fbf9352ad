'use strict';

/** What a stream may emit before the program listens to it. An error before that concerns nobody. */
const EVENTS = ['aborted', 'trailers', 'error'];

/** The requests that arrive on an HTTP/2 session while they are held: the program gets them when they are passed. */
class HeldRequests {
  #session;
  #held = [];

  /** @param {import('node:http2').ServerHttp2Session} session */
  constructor(session) {
    const { emit } = session;
    this.#session = session;
    // Not a listener: the program may add its own at any time, and none of them is to be called.
    session.emit = (event, ...details) => {
      if (event !== 'stream') {
        return emit.call(session, event, ...details);
      }
      this.#held.push({ details, missed: missed(details[0]) });
      return true;
    };
  }

  /** Passes them to the program, and from now on each at once. One that its client has withdrawn is left out. */
  pass() {
    delete this.#session.emit;
    for (const { details, missed } of this.#held) {
      const [stream] = details;
      const events = missed();
      if (!stream.destroyed) {
        this.#session.emit('stream', ...details);
        events.forEach((event) => process.nextTick(() => stream.emit(...event)));
      }
    }
  }
}

/** Returns a function that ends the recording, and returns what the stream has emitted. */
function missed(stream) {
  const events = [];
  const listeners = EVENTS.map((name) => [name, (...details) => events.push([name, ...details])]);
  listeners.forEach(([name, listener]) => stream.on(name, listener));
  return () => {
    listeners.forEach(([name, listener]) => stream.off(name, listener));
    return events;
  };
}

module.exports = { HeldRequests };
