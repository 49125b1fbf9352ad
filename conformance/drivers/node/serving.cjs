'use strict';

/**
 * What the driver does with a granted address: servers of node:net and node:http, as a program has them.
 *
 * On a listener that was passed, or on one that is opened here if the claim was a `bind`.
 */
const http = require('node:http');
const net = require('node:net');

/** Node calls listen(2) on what it is given; a smaller number would shrink the backlog for everybody. */
const BACKLOG = 4096;

class Serving {
  constructor(server, grant, address) {
    this.server = server;
    this.listening = new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ ...(grant.fd === undefined ? toListen(address) : { fd: grant.fd }), backlog: BACKLOG }, resolve);
    });
  }

  /** Stops accepting at once; `closed` is called when nothing is open. */
  close(closed) {
    this.server.close(closed);
  }
}

/** Answers one connection for each `answer`, in the order of their arrival. */
class Echo extends Serving {
  #connections = [];
  #waiting = [];

  constructor(grant, address) {
    super(net.createServer(), grant, address);
    this.server.on('connection', (connection) => {
      this.#connections.push(connection.pause());
      this.#match();
    });
  }

  answer(done) {
    this.#waiting.push(done);
    this.#match();
  }

  close(closed) {
    super.close(closed);
    this.#connections.splice(0).forEach((connection) => connection.destroy());
  }

  #match() {
    while (this.#connections.length > 0 && this.#waiting.length > 0) {
      const [connection, done] = [this.#connections.shift(), this.#waiting.shift()];
      connection.on('error', () => connection.destroy());
      connection.once('data', (data) => connection.end(data.subarray(0, 64)));
      connection.once('close', done);
      connection.resume();
    }
  }
}

/** Answers every request with who answered it. */
class Http extends Serving {
  constructor(grant, address) {
    const body = 'serverswap-node';
    const server = http.createServer((request, response) => {
      response.setHeader('Server-Pid', process.pid);
      response.setHeader('Connection', 'close');
      response.setHeader('Content-Length', body.length);
      response.end(body);
    });
    super(server, grant, address);
  }
}

function toListen(address) {
  if (address.startsWith('unix:')) {
    return { path: address.slice(5) };
  }
  const colon = address.lastIndexOf(':');
  const [host, port] = [address.slice(0, colon), Number(address.slice(colon + 1))];
  return host.startsWith('[') ? { host: host.slice(1, -1), port, ipv6Only: true } : { host: host || '::', port };
}

module.exports = { Echo, Http };
