'use strict';

/**
 * The HTTP/2 half of a drain: each session gets a GOAWAY at a moment at which no request is on its way to the server.
 *
 * Rules:
 * - Node processes no request that arrives after a GOAWAY that it has sent, whatever stream the GOAWAY allows: the
 *   two of RFC 9113, section 6.8, are not to be had. So requests that arrive once the drain has begun are held, and the
 *   GOAWAY is sent when the client cannot have sent another one: it has answered pings that were sent after the last
 *   response. Then the held requests are passed to the program;
 * - a session in which responses keep ending is not waited for longer than `HOLD_MS_MAX`. A request that arrives
 *   after the GOAWAY was not processed, and the client knows that it may send it again.
 */
const { HeldRequests } = require('./held-requests.cjs');

const HOLD_MS_MAX = 1_000;

class Http2 {
  /** Session -> how many of its responses have ended. */
  #sessions = new Map();
  #draining = false;

  /** @param {import('./server-listeners.cjs').ServerListeners} listeners */
  constructor(listeners) {
    listeners.add('session', (session) => this.#opened(session));
  }

  drain() {
    this.#draining = true;
    for (const session of this.#sessions.keys()) {
      this.#drain(session);
    }
  }

  destroy() {
    for (const session of this.#sessions.keys()) {
      session.destroy();
    }
  }

  #opened(session) {
    this.#sessions.set(session, 0);
    session.on('stream', (stream) => stream.once('close', () => this.#responded(session)));
    session.once('close', () => this.#sessions.delete(session));
    if (this.#draining) {
      this.#drain(session);
    }
  }

  #responded(session) {
    if (this.#sessions.has(session)) {
      this.#sessions.set(session, this.#sessions.get(session) + 1);
    }
  }

  async #drain(session) {
    const held = new HeldRequests(session);
    const deadline = performance.now() + HOLD_MS_MAX;
    let responses;
    do {
      responses = this.#sessions.get(session);
      // The client sends the next request when it has read the response: a moment after it has answered the first.
      await roundTrip(session);
      await roundTrip(session);
    } while (this.#sessions.get(session) !== responses && performance.now() < deadline);
    session.close();
    held.pass();
  }
}

/** Fulfilled when the client has answered a ping, or has not for as long as requests are held. */
function roundTrip(session) {
  return new Promise((resolve) => {
    if (session.destroyed) {
      resolve();
      return;
    }
    const timer = setTimeout(resolve, HOLD_MS_MAX).unref();
    session.ping(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

module.exports = { Http2 };
