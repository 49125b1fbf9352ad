'use strict';

/**
 * The HTTP/1 half of a drain: from then on, every connection is closed with its next answer.
 *
 * Until the drain begins, this only keeps the responses under way. Finished ones are removed in bulk, so that a
 * request costs one insertion in a set and no listener.
 */
const { closeAfterResponse } = require('./close-after-response.cjs');

const SWEEP_SIZE_MIN = 64;

/** Events that pass a request to the program instead of `request`, if it listens to them. */
const OTHER_REQUEST_EVENTS = ['checkContinue', 'checkExpectation'];

class Http1 {
  #server;
  #responses = new Set();
  #sweepAt = SWEEP_SIZE_MIN;
  #onRequest = (request, response) => this.#keep(request, response);

  constructor(server) {
    this.#server = server;
    server.prependListener('request', (request, response) => this.#onRequest(request, response));
  }

  /** Responses under way whose headers are not sent get `Connection: close`, and so do all later ones. */
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

  #keep(request, response) {
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

/** An HTTP/2 server with `allowHTTP1` has requests of both kinds. */
function isHttp1(request) {
  return request.httpVersionMajor === 1;
}

module.exports = { Http1 };
