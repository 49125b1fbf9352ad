'use strict';

/**
 * The HTTP/1 half of a drain: from then on, every connection is closed with its next answer.
 *
 * Until the drain begins, this only keeps the responses under way: a finished one would keep its request, and the
 * whole body of that, in memory.
 */
const { closeAfterResponse } = require('./close-after-response.cjs');

/** The events that pass a request to the program. */
const REQUEST_EVENTS = ['request', 'checkContinue', 'checkExpectation'];

class Http1 {
  /** Socket -> its responses under way: more than one if the client pipelines. */
  #underWay = new WeakMap();
  #onRequest = (request, response) => this.#keep(request, response);

  /** @param {import('./server-listeners.cjs').ServerListeners} listeners */
  constructor(listeners) {
    for (const event of REQUEST_EVENTS) {
      listeners.addWithFirst(event, (request, response) => {
        if (isHttp1(request)) {
          this.#onRequest(request, response);
        }
      });
    }
  }

  /**
   * Responses under way whose headers are not sent get `Connection: close`, and so do all later ones.
   *
   * @param {import('node:net').Socket[]} sockets those that are open
   */
  drain(sockets) {
    const newest = new WeakMap();
    const last = (request, response) => {
      const { socket } = request;
      newest.set(socket, response);
      closeAfterResponse(request, response, () => newest.get(socket) === response);
    };
    for (const response of sockets.flatMap((socket) => [...(this.#underWay.get(socket) ?? [])])) {
      last(response.req, response);
    }
    this.#onRequest = last;
  }

  #keep({ socket }, response) {
    const responses = this.#underWay.get(socket) ?? new Set();
    this.#underWay.set(socket, responses.add(response));
    response.once('close', () => responses.delete(response));
  }
}

/** An HTTP/2 server with `allowHTTP1` has requests of both kinds. */
function isHttp1(request) {
  return request.httpVersionMajor === 1;
}

module.exports = { Http1 };
