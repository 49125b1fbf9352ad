'use strict';

/** A relay between clients and a server, which holds what clients send for as long as the test says. */
const { once } = require('node:events');
const net = require('node:net');

class Relay {
  #server;
  #clients = new Set();
  #held = null;

  /** @param {number} port of the server, on 127.0.0.1 */
  static async to(port) {
    const relay = new Relay();
    relay.#server = net.createServer((client) => relay.#connect(client, net.connect(port, '127.0.0.1')));
    relay.#server.listen(0, '127.0.0.1');
    await once(relay.#server, 'listening');
    return relay;
  }

  get port() {
    return this.#server.address().port;
  }

  /** From now on nothing that clients send reaches the server. */
  hold() {
    this.#held = [];
  }

  /** Fulfilled when clients have sent so many bytes that are held. */
  async holds(bytes) {
    while (this.#held.reduce((sum, { data }) => sum + data.length, 0) < bytes) {
      await once(this.#server, 'held');
    }
  }

  /** Everything that was held reaches the server, and what is sent from now on at once. */
  release() {
    const held = this.#held;
    this.#held = null;
    held.forEach(({ server, data }) => server.write(data));
  }

  close() {
    this.#server.close();
    this.#clients.forEach((client) => client.destroy());
  }

  #connect(client, server) {
    this.#clients.add(client);
    server.pipe(client);
    client.on('data', (data) => {
      if (this.#held === null) {
        server.write(data);
      } else {
        this.#held.push({ server, data });
        this.#server.emit('held');
      }
    });
    client.on('end', () => server.end());
    [client, server].forEach((socket) => socket.on('error', () => {}));
    client.once('close', () => server.destroy());
  }
}

module.exports = { Relay };
