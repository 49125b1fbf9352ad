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
 * - connections that are still open at the deadline (an upgraded connection, a client that never sends) are
 *   destroyed. The deadline does not keep the event loop alive: the connections do.
 */
const net = require('node:net');

const { Connections } = require('./connections.cjs');
const { Http1 } = require('./http1.cjs');
const { Http2 } = require('./http2.cjs');
const { ServerListeners } = require('./server-listeners.cjs');

/** The longest delay of a timer; a longer one would fire at once. */
const DELAY_MS_MAX = 2 ** 31 - 1;

class Drain {
  #server;
  #listeners;
  #connections;
  #sockets;
  #http1;
  #http2;
  #begun = false;
  #drained;
  #timer;
  #onCut = () => {};
  #deadline = 0;

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
   * @param {(open: number) => void} [onOpen] called with the number of open connections, at once and as
   *   they close
   * @param {(open: number) => void} [onCut] called with the number of those that are destroyed, before they are
   */
  begin(drainMs, onOpen = () => {}, onCut = () => {}) {
    this.#begun = true;
    net.Server.prototype.close.call(this.#server);
    this.#http1.drain(this.sockets);
    this.#http2.drain();
    onOpen(this.#connections.count);
    this.#connections.onClosed(onOpen);
    this.#onCut = onCut;
    this.extend(drainMs);
    this.#drained.then(() => clearTimeout(this.#timer));
  }

  /** Makes the deadline no earlier than `drainMs` milliseconds from now. */
  extend(drainMs) {
    const deadline = performance.now() + drainMs;
    if (deadline > this.#deadline) {
      this.#deadline = deadline;
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#destroy(), Math.min(drainMs, DELAY_MS_MAX)).unref();
    }
  }

  /** Leaves the server as it was; nothing is counted any more. */
  dispose() {
    this.#listeners.removeAll();
  }

  #destroy() {
    this.#onCut(this.#connections.count);
    this.#http2.destroy();
    this.#connections.destroy();
  }
}

function isTls(server) {
  return typeof server.setSecureContext === 'function';
}

module.exports = { Drain };
