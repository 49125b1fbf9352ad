'use strict';

/**
 * The HTTP/1 half of a drain: from then on, every connection is closed with its next answer.
 *
 * This keeps the responses under way and no other: a finished one would keep its request, and the whole body of that,
 * in memory.
 */
const { closeAfterResponse } = require('./close-after-response.cjs');
const { EventStream, isEventStream } = require('./event-stream.cjs');

/** The events that pass a request to the program. */
const REQUEST_EVENTS = ['request', 'checkContinue', 'checkExpectation'];

class Http1 {
  /** Socket -> its responses under way: more than one if the client pipelines. */
  #underWay = new WeakMap();
  /** Response -> the event stream that it is. */
  #eventStreams = new WeakMap();
  #onRequest = () => {};

  /** @param {import('./server-listeners.cjs').ServerListeners} listeners */
  constructor(listeners) {
    for (const event of REQUEST_EVENTS) {
      listeners.addWithFirst(event, (request, response) => {
        if (isHttp1(request)) {
          this.#keep(request, response);
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

  /**
   * The responses under way of a connection, in the order of their requests.
   *
   * @returns {{ request: import('node:http').IncomingMessage, response: import('node:http').ServerResponse, eventStream?: EventStream }[]}
   */
  underWay(socket) {
    const responses = [...(this.#underWay.get(socket) ?? [])];
    return responses.map((response) => ({ request: response.req, response, eventStream: this.#eventStream(response) }));
  }

  #eventStream(response) {
    const { method, headers, socket } = response.req;
    // The headers as they were sent: `writeHead` leaves no other trace of its own.
    const sent = response._header ?? '';
    if (!this.#eventStreams.has(response) && isEventStream({ method, accept: headers.accept }, { type: field(sent, 'content-type') })) {
      this.#eventStreams.set(response, new EventStream(response, field(sent, 'content-encoding') !== undefined, socket));
    }
    return this.#eventStreams.get(response);
  }

  #keep({ socket }, response) {
    const responses = this.#underWay.get(socket) ?? new Set();
    this.#underWay.set(socket, responses.add(response));
    response.once('close', () => responses.delete(response));
  }
}

function field(head, name) {
  return new RegExp(`^${name}: *(.*)$`, 'im').exec(head)?.[1];
}

/** An HTTP/2 server with `allowHTTP1` has requests of both kinds. */
function isHttp1(request) {
  return request.httpVersionMajor === 1;
}

module.exports = { Http1 };
