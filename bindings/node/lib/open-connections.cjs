'use strict';

/**
 * The connections of a server that live on while it drains: no answer ends them, so each is to be told goodbye, in the
 * way of its protocol.
 *
 * | kind | how it is told |
 * | --- | --- |
 * | `websocket`, of ws (and so of socket.io) | closed with 1012, service restart |
 * | `http2`, a session | GOAWAY; its streams go on |
 * | `event-stream` of an `EventSource`, which comes back | the response ends |
 * | `request`, without an answer or with a part of it; `upgraded`; `socket` | by the program alone: its protocol is not known |
 *
 * A response that is told goodbye is silent. One that flows is not interrupted, nor is one that its client does not ask for again.
 */
const http = require('node:http');
const https = require('node:https');

const SERVICE_RESTART = 1012;
const WEBSOCKET_OPEN = 1;

class OpenConnections {
  #speaksHttp;
  #http1;
  #http2;
  /** Socket -> the request by which it was upgraded, or became a tunnel. */
  #upgraded = new WeakMap();

  /**
   * @param {import('node:net').Server} server
   * @param {import('./server-listeners.cjs').ServerListeners} listeners
   * @param {import('./http1.cjs').Http1} http1
   * @param {import('./http2.cjs').Http2} http2
   */
  constructor(server, listeners, http1, http2) {
    const isHttp2 = typeof server.updateSettings === 'function';
    this.#speaksHttp = isHttp2 || server instanceof http.Server || server instanceof https.Server;
    this.#http1 = http1;
    this.#http2 = http2;
    for (const event of ['upgrade', 'connect']) {
      listeners.addWithFirst(event, (request, socket) => this.#upgraded.set(socket, request));
    }
  }

  /**
   * What lives on, each with what it is told goodbye by, `of`; `told` has those that were.
   *
   * @param {import('node:net').Socket[]} sockets
   * @param {WeakSet<object>} told
   */
  find(sockets, told) {
    const found = sockets.flatMap((socket) => this.#of(socket));
    for (const { session, eventStreams } of this.#http2.sessions) {
      // A stream that ended before the GOAWAY would be asked for again in the same session.
      found.push(...(told.has(session) ? eventStreams.map((stream) => eventStreamOf(stream, { socket: session.socket, session })) : [this.#session(session)]));
    }
    return found.filter(({ of }) => !told.has(of));
  }

  #of(socket) {
    if (this.#upgraded.has(socket)) {
      return [upgradedOf(socket, this.#upgraded.get(socket))];
    }
    if (!this.#speaksHttp) {
      return [{ of: socket, kind: 'socket', socket, isOpen: () => !socket.destroyed, end: () => socket.end() }];
    }
    // The later ones of a client that pipelines wait for the first.
    return this.#http1
      .underWay(socket)
      .slice(0, 1)
      .map(({ request, response, eventStream }) =>
        eventStream ? eventStreamOf(eventStream, { socket, request, response }) : requestOf({ socket, request, response }));
  }

  #session(session) {
    return {
      of: session,
      kind: 'http2',
      isKnown: true,
      socket: session.socket,
      session,
      isOpen: () => !session.closed && !session.destroyed,
      end: () => void this.#http2.sayGoodbye(session),
    };
  }
}

function upgradedOf(socket, request) {
  const webSocket = webSocketOf(socket);
  if (webSocket === undefined) {
    return { of: socket, kind: 'upgraded', socket, request, isOpen: () => !socket.destroyed, end: () => socket.end() };
  }
  return {
    of: webSocket,
    kind: 'websocket',
    isKnown: true,
    socket,
    request,
    webSocket,
    isOpen: () => webSocket.readyState === WEBSOCKET_OPEN,
    end: () => webSocket.close(SERVICE_RESTART, 'service restart'),
  };
}

/** The one of ws, which leaves it at its socket under a symbol. */
function webSocketOf(socket) {
  const symbol = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'websocket');
  return typeof socket[symbol]?.close === 'function' ? socket[symbol] : undefined;
}

function eventStreamOf(eventStream, where) {
  const { isOpen, end } = { isOpen: () => eventStream.isOpen, end: () => eventStream.end() };
  return { of: eventStream, kind: 'event-stream', isKnown: true, waitsForSilence: true, ...where, eventStream, isOpen, end };
}

function requestOf({ socket, request, response }) {
  const isOpen = () => !response.writableEnded && !response.destroyed;
  return { of: response, kind: 'request', waitsForSilence: true, socket, request, response, isOpen, end: () => response.destroy() };
}

module.exports = { OpenConnections };
