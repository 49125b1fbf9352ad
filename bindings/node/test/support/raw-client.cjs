'use strict';

/** A client that sends exactly the bytes of the test, and sees exactly what comes back. */
const { once } = require('node:events');
const net = require('node:net');

class RawClient {
  #received = '';
  #ended;

  constructor(socket) {
    this.socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (text) => {
      this.#received += text;
      socket.emit('more');
    });
    socket.on('error', () => {});
    this.#ended = once(socket, 'close').then(() => socket.emit('more'));
  }

  /** @param {number | string} where a port of 127.0.0.1, or a path */
  static async connect(where) {
    const socket = typeof where === 'string' ? net.connect(where) : net.connect(where, '127.0.0.1');
    await once(socket, 'connect');
    return new RawClient(socket);
  }

  /** Sends a GET without a body. */
  get(path, ...headers) {
    this.socket.write([`GET ${path} HTTP/1.1`, 'Host: test', ...headers, '', ''].join('\r\n'));
  }

  /** The next answer, which must have a Content-Length; null if the connection ends before it. */
  async answer() {
    for (;;) {
      const answer = this.#take();
      if (answer !== null || this.socket.closed) {
        return answer;
      }
      await once(this.socket, 'more');
    }
  }

  /** A GET and its answer. */
  ask(path, ...headers) {
    this.get(path, ...headers);
    return this.answer();
  }

  /** Fulfilled when the connection has ended. */
  get ended() {
    return this.#ended;
  }

  #take() {
    const end = this.#received.indexOf('\r\n\r\n');
    if (end < 0) {
      return null;
    }
    const head = this.#received.slice(0, end);
    const length = Number(/^content-length: (\d+)$/im.exec(head)?.[1] ?? 0);
    const rest = this.#received.slice(end + 4);
    if (rest.length < length) {
      return null;
    }
    this.#received = rest.slice(length);
    return {
      status: Number(head.split(' ', 2)[1]),
      connection: /^connection: (.*)$/im.exec(head)?.[1],
      body: rest.slice(0, length),
    };
  }
}

module.exports = { RawClient };
