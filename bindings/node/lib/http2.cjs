'use strict';

/**
 * The HTTP/2 half of a drain: a session gets its GOAWAY at a moment at which no request is on its way to the server.
 *
 * Rules:
 * - Node processes no request that arrives after a GOAWAY that it has sent, whatever stream the GOAWAY allows: the
 *   two of RFC 9113, section 6.8, are not to be had. So requests that arrive from then on are held, and the
 *   GOAWAY is sent when the client cannot have sent another one: it has answered pings that were sent after the last
 *   response. Then the held requests are passed to the program;
 * - a session in which responses keep ending is not waited for longer than `HOLD_MS_MAX`. A request that arrives
 *   after the GOAWAY was not processed, and the client knows that it may send it again.
 */
const { EventStream, isEventStream } = require('./event-stream.cjs');
const { HeldRequests } = require('./held-requests.cjs');

const HOLD_MS_MAX = 1_000;

class Http2 {
  /** Session -> its open streams with the headers of their requests, and how many responses have ended. */
  #sessions = new Map();
  /** Stream -> the event stream that it is. */
  #eventStreams = new WeakMap();

  /** @param {import('./server-listeners.cjs').ServerListeners} listeners */
  constructor(listeners) {
    listeners.add('session', (session) => this.#opened(session));
  }

  /** The open sessions, with their event streams. */
  get sessions() {
    const open = [...this.#sessions].filter(([session]) => !session.destroyed);
    return open.map(([session, { streams }]) => ({
      session,
      eventStreams: [...streams].flatMap(([stream, headers]) => this.#eventStream(stream, headers) ?? []),
    }));
  }

  /** Destroys the sessions for which that is true. */
  destroy(isOver) {
    for (const { session } of this.sessions) {
      if (isOver(session)) {
        session.destroy();
      }
    }
  }

  #opened(session) {
    const state = { streams: new Map(), ended: 0 };
    this.#sessions.set(session, state);
    session.on('stream', (stream, headers) => {
      state.streams.set(stream, headers);
      stream.once('close', () => {
        state.streams.delete(stream);
        state.ended += 1;
      });
    });
    session.once('close', () => this.#sessions.delete(session));
  }

  #eventStream(stream, { ':method': method, accept }) {
    const { 'content-type': type, 'content-encoding': encoding } = stream.sentHeaders ?? {};
    if (!this.#eventStreams.has(stream) && isEventStream({ method, accept }, { type })) {
      this.#eventStreams.set(stream, new EventStream(stream, encoding !== undefined));
    }
    return this.#eventStreams.get(stream);
  }

  /** Sends the GOAWAY of a session. */
  async sayGoodbye(session) {
    const held = new HeldRequests(session);
    const deadline = performance.now() + HOLD_MS_MAX;
    let ended;
    do {
      ended = this.#sessions.get(session)?.ended;
      // The client sends the next request when it has read the response: a moment after it has answered the first.
      await roundTrip(session);
      await roundTrip(session);
    } while (this.#sessions.get(session)?.ended !== ended && performance.now() < deadline);
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
