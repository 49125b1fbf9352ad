'use strict';

/**
 * The listeners that this package adds to a server of the program: each can be added without a change of how the
 * server behaves, and all can be removed again.
 *
 * Node behaves differently when a server has a listener for some events: an HTTP/2 server without one for `request`
 * has no compatibility layer, an HTTP/1 server without one for `checkContinue` answers by itself.
 */
class ServerListeners {
  #server;
  #added = [];

  /** @param {import('node:net').Server} server */
  constructor(server) {
    this.#server = server;
  }

  /** Adds a listener that is called before those of the program. */
  add(event, listener) {
    this.#server.prependListener(event, listener);
    this.#added.push([event, listener]);
  }

  /** As `add`, from the moment on at which the program itself listens for the event. */
  addWithFirst(event, listener) {
    if (this.#server.listenerCount(event) > 0) {
      this.add(event, listener);
      return;
    }
    const onNewListener = (name) => {
      if (name === event) {
        this.#server.off('newListener', onNewListener);
        this.add(event, listener);
      }
    };
    // Behind that of Node's own HTTP/2 server, which must not see the listener that is added here.
    this.#server.on('newListener', onNewListener);
    this.#added.push(['newListener', onNewListener]);
  }

  removeAll() {
    for (const [event, listener] of this.#added) {
      this.#server.off(event, listener);
    }
  }
}

module.exports = { ServerListeners };
