'use strict';

/**
 * The drain of one server: it stops accepting, and finishes every connection that it has accepted.
 *
 * Rules:
 * - the listening socket is closed first and alone; libuv removes it from epoll before it closes it, and both
 *   happen within the call. `http.Server.close` is bypassed: it also closes idle keep-alive connections, and
 *   loses requests that are on their way on them. Connections that were not accepted stay in the backlog, for the
 *   new server;
 * - on every open connection, silent and idle ones included, one more request is answered, and the connection is
 *   closed with that response;
 * - what no answer ends (a websocket, an event stream, an HTTP/2 session) is told goodbye, one after the other;
 * - connections that are still open at the deadline (a client that never sends, a protocol that is not known) are
 *   destroyed; those on which something is still sent, at that for streams, or when they fall silent. Nothing here keeps the event loop alive: the connections do.
 */
const net = require('node:net');

const { Connections } = require('./connections.cjs');
const { Flow, handleOf } = require('./flow.cjs');
const { Goodbyes } = require('./goodbyes.cjs');
const { Http1 } = require('./http1.cjs');
const { Http2 } = require('./http2.cjs');
const { eventStreamRetryMs, silentAfterMs } = require('./native.cjs');
const { OpenConnections } = require('./open-connections.cjs');
const { ServerListeners } = require('./server-listeners.cjs');

/** The longest delay of a timer; a longer one would fire at once. */
const DELAY_MS_MAX = 2 ** 31 - 1;

/** How often it is looked what was sent, before a connection counts as silent. */
const LOOKS = 4;

class Drain {
  #server;
  #listeners;
  #connections;
  #sockets;
  #http1;
  #http2;
  #open;
  #told = new WeakSet();
  #flow = new Flow();
  #goodbyes;
  #begun = false;
  #drained;
  #timer;
  #looks;
  #onFlow = () => {};
  #onCut = () => {};
  #deadline = 0;
  #streamDeadline = 0;
  #silentAfterMs = 0;
  /** How many were destroyed. */
  #cut = 0;

  /**
   * @param {import('node:net').Server} server one that does not accept yet: earlier connections are not
   *   counted
   */
  constructor(server) {
    const listeners = new ServerListeners(server);
    this.#server = server;
    this.#listeners = listeners;
    this.#connections = new Connections(listeners, 'connection');
    this.#sockets = isTls(server) ? new Connections(listeners, 'secureConnection') : this.#connections;
    this.#http1 = new Http1(listeners);
    this.#http2 = new Http2(listeners);
    this.#open = new OpenConnections(server, listeners, this.#http1, this.#http2);
    // Not `events.once`, which also rejects when the server has an error.
    const closed = new Promise((resolve) => listeners.add('close', resolve));
    this.#drained = closed.then(() => this.#connections.gone());
  }

  /** Fulfilled when the server has stopped accepting and its last connection is closed. Never rejected. */
  get drained() {
    return this.#drained;
  }

  /** Whether `begin` was called. */
  get begun() {
    return this.#begun;
  }

  /** The open sockets that the program can write to. */
  get sockets() {
    return this.#sockets.list();
  }

  /**
   * Stops accepting before it returns, and drains.
   *
   * @param {number} drainMs milliseconds until everything is destroyed
   * @param {object} [options]
   * @param {number} [options.streamMs] the same for connections on which something is still sent
   * @param {() => void} [options.onFlow] called when there are such ones at the deadline
   * @param {(open: number) => void} [options.onOpen] called with the number of open connections, at once and as they close
   * @param {(open: number) => void} [options.onCut] called with the number of those that are destroyed, before they are
   * @param {(connection: object) => void} [options.goodbye] tells a connection that lives on; also those of an unknown protocol
   * @param {number} [options.jitter] a random number from 0 to 1
   */
  begin(drainMs, { streamMs = drainMs, onOpen = () => {}, onFlow = () => {}, onCut = () => {}, goodbye, jitter = Math.random() } = {}) {
    this.#begun = true;
    this.#streamDeadline = performance.now() + streamMs;
    this.#silentAfterMs = silentAfterMs(drainMs, streamMs);
    this.#onFlow = onFlow;
    net.Server.prototype.close.call(this.#server);
    this.#http1.drain(this.sockets);
    onOpen(this.#connections.count);
    this.#connections.onClosed(onOpen);
    this.#onCut = onCut;
    this.#goodbyes = new Goodbyes({
      drainMs,
      silentAfterMs: this.#silentAfterMs,
      jitter,
      find: () => this.#open.find(this.sockets, this.#told).filter(({ isKnown }) => isKnown || goodbye !== undefined),
      silentMs: (socket) => this.#flow.silentMs(socket, performance.now()),
      say: (connection) => this.#say(connection, goodbye),
    });
    if (streamMs > drainMs) {
      this.#looks = setInterval(() => this.#flowing(), this.#lookMs).unref();
      this.#flowing();
    }
    this.extend(drainMs);
    this.#drained.then(() => this.#stop());
  }

  /** Makes the deadline no earlier than `drainMs` milliseconds from now. */
  extend(drainMs) {
    const deadline = performance.now() + drainMs;
    if (deadline > this.#deadline) {
      this.#deadline = deadline;
      this.#goodbyes.extend(drainMs);
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#atDeadline(), Math.min(drainMs, DELAY_MS_MAX)).unref();
    }
  }

  /** Leaves the server as it was; nothing is counted any more. */
  dispose() {
    this.#listeners.removeAll();
  }

  #say(connection, goodbye = ({ end }) => end()) {
    const { of, kind, socket, request, response, webSocket, session, end } = connection;
    this.#told.add(of);
    goodbye(Object.freeze({ kind, socket, request, response, webSocket, session, end }));
  }

  #stop() {
    clearTimeout(this.#timer);
    clearInterval(this.#looks);
    this.#goodbyes.stop();
  }

  get #lookMs() {
    return Math.max(this.#silentAfterMs / LOOKS, 1);
  }

  /** Destroys what is silent, and asks for time for the rest. */
  #atDeadline() {
    this.#goodbyes.stop();
    clearInterval(this.#looks);
    if (this.#destroySilent()) {
      this.#looks = setInterval(() => this.#destroySilent() || clearInterval(this.#looks), this.#lookMs).unref();
      this.#onFlow();
    }
  }

  /** Whether something flows, and lives on. */
  #destroySilent() {
    const hasTime = this.#streamDeadline > Math.max(this.#deadline, performance.now());
    const flowing = new Set(hasTime ? this.#flowing() : []);
    this.#destroy(this.#connections.list().filter((socket) => !flowing.has(socket)));
    return flowing.size > 0;
  }

  #flowing() {
    const now = performance.now();
    return this.#connections.list().filter((socket) => this.#flow.silentMs(socket, now) < this.#silentAfterMs);
  }

  #destroy(sockets) {
    if (sockets.length === 0) {
      return;
    }
    const handles = new Set(sockets.map(handleOf));
    for (const { socket, eventStream } of this.#open.find(this.sockets, this.#told)) {
      if (handles.has(handleOf(socket))) {
        eventStream?.retryAfter(eventStreamRetryMs(Math.random()));
      }
    }
    this.#cut += sockets.length;
    this.#onCut(this.#cut);
    this.#http2.destroy((session) => handles.has(handleOf(session.socket)));
    sockets.forEach((socket) => socket.destroy());
  }
}

function isTls(server) {
  return typeof server.setSecureContext === 'function';
}

module.exports = { Drain };
