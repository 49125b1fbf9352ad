'use strict';

/**
 * The HTTP/2 half of a drain: each session gets a GOAWAY with its next response.
 *
 * Rules:
 * - a session with a request under way gets a GOAWAY that still allows every stream (RFC 9113, section
 *   6.8), and the final one when it has answered the ping after that, or when nothing is under way any more.
 *   A request that arrives even later was not processed, and the client knows that it may send it again;
 * - a session without a request gets none until its next request, or for `IDLE_MS`, because Node stops reading
 *   from a session that has sent a GOAWAY and has no stream: a request on its way would be refused.
 */
const STREAM_ID_MAX = 2 ** 31 - 1;
const NO_ERROR = 0;

/** As long as Node's HTTP/1 server waits for the next request on a connection. */
const IDLE_MS = 5_000;

class Http2 {
  /** Session -> how many of its requests are under way. */
  #sessions = new Map();
  #draining = false;

  /** @param {import('./server-listeners.cjs').ServerListeners} listeners */
  constructor(listeners) {
    listeners.add('session', (session) => {
      this.#sessions.set(session, 0);
      session.on('stream', (stream) => this.#onRequest(session, stream));
      session.once('close', () => this.#sessions.delete(session));
    });
  }

  drain() {
    this.#draining = true;
    for (const [session, underWay] of this.#sessions) {
      if (underWay > 0) {
        goAway(session);
      }
    }
    setTimeout(() => this.#closeIdle(), IDLE_MS).unref();
  }

  destroy() {
    for (const session of this.#sessions.keys()) {
      session.destroy();
    }
  }

  #onRequest(session, stream) {
    this.#sessions.set(session, this.#sessions.get(session) + 1);
    stream.once('close', () => this.#onResponse(session));
    if (this.#draining) {
      goAway(session);
    }
  }

  #onResponse(session) {
    const underWay = this.#sessions.get(session) - 1;
    if (Number.isNaN(underWay)) {
      return;
    }
    this.#sessions.set(session, underWay);
    if (this.#draining && underWay === 0) {
      session.close();
    }
  }

  #closeIdle() {
    for (const [session, underWay] of this.#sessions) {
      if (underWay === 0) {
        session.close();
      }
    }
  }
}

function goAway(session) {
  if (!session.closed) {
    session.goaway(NO_ERROR, STREAM_ID_MAX);
    session.ping(() => session.close());
  }
}

module.exports = { Http2 };
