'use strict';

/**
 * The open connections of a server, each from the moment it is accepted: a connection that has sent nothing yet, is in
 * its TLS handshake or was upgraded counts as well.
 */
class Connections {
  #open = new Set();
  #closed = () => {};

  /**
   * @param {import('./server-listeners.cjs').ServerListeners} listeners those of a server that does not accept yet
   * @param {'connection' | 'secureConnection'} event the one that is emitted for each: a TLS server has both
   */
  constructor(listeners, event) {
    const connections = this;
    function onClose() {
      connections.#open.delete(this);
      connections.#closed(connections.#open.size);
    }
    listeners.add(event, (socket) => {
      connections.#open.add(socket);
      socket.once('close', onClose);
    });
  }

  /** How many are open. */
  get count() {
    return this.#open.size;
  }

  /** The sockets that are open at this moment. */
  list() {
    return [...this.#open];
  }

  /** `closed` is called with the number of open connections after each that closes. */
  onClosed(closed) {
    this.#closed = closed;
  }

  /** Fulfilled when none is open. Node emits `close` of a server a moment before that of its last socket. */
  async gone() {
    for (const socket of this.#open) {
      await new Promise((resolve) => socket.once('close', resolve));
    }
  }
}

module.exports = { Connections };
