'use strict';

/**
 * The open connections of a server, from the moment each is accepted: so a connection that is
 * still silent, in its TLS handshake or upgraded counts as well.
 */
class Connections {
  #open = new Set();
  #closed = () => {};

  /**
   * @param {import('node:net').Server} server one that does not accept yet
   * @param {'connection' | 'secureConnection'} event the one that announces them: a TLS server has both
   */
  constructor(server, event) {
    const connections = this;
    function onClose() {
      connections.#open.delete(this);
      connections.#closed(connections.#open.size);
    }
    server.prependListener(event, (socket) => {
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

  /** Calls back with the number of open connections after each that closes. */
  onClosed(closed) {
    this.#closed = closed;
  }

  /** Fulfilled when none is open. Node says that a server is closed a moment before its last socket is. */
  async gone() {
    for (const socket of this.#open) {
      await new Promise((resolve) => socket.once('close', resolve));
    }
  }

  /** Closes all of them, whatever they are doing. */
  destroy() {
    for (const socket of this.#open) {
      socket.destroy();
    }
  }
}

module.exports = { Connections };
