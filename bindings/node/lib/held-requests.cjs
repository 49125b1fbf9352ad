'use strict';

/** What a stream may emit before the program listens to it. An error before that concerns nobody. */
const EVENTS = ['aborted', 'trailers', 'error'];

/** The requests that arrive on an HTTP/2 session while they are held: the program gets them when they are passed. */
class HeldRequests {
  #session;
  #listeners;
  #held = [];

  /** @param {import('node:http2').ServerHttp2Session} session */
  constructor(session) {
    this.#session = session;
    this.#listeners = session.rawListeners('stream');
    session.removeAllListeners('stream');
    session.on('stream', (stream, ...rest) => this.#held.push({ request: [stream, ...rest], missed: missed(stream) }));
  }

  /** Passes them to the program, and from now on each at once. One that its client has withdrawn is left out. */
  pass() {
    this.#session.removeAllListeners('stream');
    for (const listener of this.#listeners) {
      this.#session.on('stream', listener);
    }
    for (const { request, missed } of this.#held) {
      const [stream] = request;
      const events = missed();
      if (!stream.destroyed) {
        this.#session.emit('stream', ...request);
        events.forEach((event) => process.nextTick(() => stream.emit(...event)));
      }
    }
  }
}

/** Returns a function that ends the recording, and returns what the stream has emitted. */
function missed(stream) {
  const events = [];
  const listeners = EVENTS.map((name) => [name, (...rest) => events.push([name, ...rest])]);
  listeners.forEach(([name, listener]) => stream.on(name, listener));
  return () => {
    listeners.forEach(([name, listener]) => stream.off(name, listener));
    return events;
  };
}

module.exports = { HeldRequests };
