'use strict';

/**
 * The HTTP/1 half of a drain: from then on, every connection is closed with its next answer.
 *
 * Until the drain begins, this only remembers the responses under way. They are swept out in
 * bulk, so that a request costs one insertion in a set and no listener.
 */
const { closeAfterResponse } = require('./close-after-response.cjs');

const SWEEP_SIZE_MIN = 64;

/** Events that hand a request to the program, other than `request`; each only if it is listened to. */
const OTHER_REQUEST_EVENTS = ['checkContinue', 'checkExpectation'];

class Http1 {
  #server;
  #responses = new Set();
  #sweepAt = SWEEP_SIZE_MIN;
  #onRequest = (request, response) => this.#remember(request, response);

  constructor(server) {
    this.#server = server;
    server.prependListener('request', (request, response) => this.#onRequest(request, response));
  }

  /** Responses that are under way get the header if theirs are not sent, and all later ones. */
  drain() {
    const newest = new WeakMap();
    const last = (request, response) => {
      const { socket } = request;
      if (isHttp1(request)) {
        newest.set(socket, response);
        closeAfterResponse(response, () => newest.get(socket) === response);
      }
    };
    for (const response of this.#responses) {
      last(response.req, response);
    }
    this.#responses.clear();
    this.#onRequest = last;
    for (const event of OTHER_REQUEST_EVENTS) {
      if (this.#server.listenerCount(event) > 0) {
        this.#server.prependListener(event, last);
      }
    }
  }

  #remember(request, response) {
    if (!isHttp1(request)) {
      return;
    }
    this.#responses.add(response);
    if (this.#responses.size >= this.#sweepAt) {
      this.#sweep();
    }
  }

  #sweep() {
    for (const response of this.#responses) {
      if (response.writableFinished || response.destroyed) {
        this.#responses.delete(response);
      }
    }
    this.#sweepAt = Math.max(SWEEP_SIZE_MIN, 2 * this.#responses.size);
  }
}

/** An HTTP/2 server with `allowHTTP1` hands out both kinds. */
function isHttp1(request) {
  return request.httpVersionMajor === 1;
}

module.exports = { Http1 };
