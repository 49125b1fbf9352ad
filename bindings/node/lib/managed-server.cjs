'use strict';

/**
 * One server on one inherited address, from its grant to its last connection.
 *
 * Rules:
 * - `serving` is reported when the server listens;
 * - the address is released when the server has stopped accepting and has closed the listening socket, not
 *   before: at a takedown, by `close()` of the handle, and when the program closes the server by itself;
 * - while it drains, `server.close()` only waits: Node's own would close idle connections.
 */
const net = require('node:net');

const { checkListening } = require('./check-listening.cjs');
const { addressCall, callIfHeld } = require('./client.cjs');
const { Drain } = require('./drain.cjs');
const { servingIfHeld } = require('./grant.cjs');
const { listenOn } = require('./listen-on.cjs');
const { ProgressThrottle, drainDurationMs } = require('./native.cjs');
const { addHandler, removeHandler, warnOfFailure } = require('./takedown.cjs');

/** Canonical address -> the server that serves or drains it in this thread. */
const managed = new Map();

class ManagedServer {
  #server;
  #options;
  #drain;
  #handler;
  #grant = null;
  #unwatchClose = () => {};

  /** Registers for takedown, so that no grant is ever without a handler. */
  constructor(server, address, options) {
    this.#server = server;
    this.#options = options;
    this.#handler = addHandler(address, (done, takedown) => this.#onTakedown(done, takedown));
    this.#drain = new Drain(server);
  }

  /** The claim has failed. */
  refused() {
    removeHandler(this.#handler);
    this.#drain.dispose();
  }

  /**
   * To be called before the next event is delivered: a takedown finds a server that listens.
   *
   * @param {import('./grant.cjs').Listener} grant
   * @throws {Error} that of the server's `error` event; the address is released then
   */
  async granted(grant) {
    this.#grant = grant;
    managed.set(grant.address, this);
    this.#drain.drained.then(() => this.#forget());
    try {
      await listenOn(this.#server, grant);
      if (!this.#drain.begun) {
        checkListening(this.#server, grant.address);
      }
    } catch (error) {
      if (this.#server.listening) {
        net.Server.prototype.close.call(this.#server);
      }
      this.#release();
      this.#forget();
      throw error;
    }
    if (!this.#drain.begun) {
      this.#watchClose();
      grant[servingIfHeld]();
    }
  }

  /** The result of `listen`. */
  get handle() {
    const { drained } = this.#drain;
    return Object.freeze({ address: this.#grant.address, drained, close: () => this.#close() });
  }

  /** Makes the drain deadline no earlier than this many milliseconds from now. */
  extend(extendMs) {
    if (this.#drain.begun) {
      this.#drain.extend(extendMs);
    }
  }

  #onTakedown(done, { address, reason, drainMs, streamMs }) {
    if (!this.#drain.begun) {
      const arrived = performance.now();
      const throttle = new ProgressThrottle();
      const report = (...numbers) => callIfHeld(addressCall('progress', address, ...numbers));
      const onOpen = (open) => throttle.isDue(open) && report(open);
      const onCut = (cut) => report(undefined, undefined, cut);
      const onFlow = () => report(undefined, Math.max(Math.ceil(arrived + streamMs - performance.now()), 0));
      const duration = (ms) => drainDurationMs(this.#options.drainTimeout, ms);
      const options = { streamMs: duration(streamMs), onOpen, onFlow, onCut, goodbye: this.#goodbye };
      this.#drain.begin(duration(drainMs), options);
    }
    done();
    removeHandler(this.#handler);
    this.#hook({ address, reason, drainMs, streamMs, connections: this.#drain.sockets });
  }

  async #hook(takedown) {
    try {
      await this.#options.onTakedown?.(takedown);
    } catch (error) {
      warnOfFailure(takedown.address, error);
    }
  }

  /** That of the program, if it has one: a fault of it leaves the connection to the deadline. */
  get #goodbye() {
    const { goodbye } = this.#options;
    return goodbye && ((connection) => void guarded(goodbye, connection));
  }

  #close() {
    if (!this.#drain.begun) {
      this.#drain.begin(drainDurationMs(this.#options.drainTimeout), { goodbye: this.#goodbye });
      this.#release();
    }
    return this.#drain.drained;
  }

  #release() {
    removeHandler(this.#handler);
    this.#grant.close();
  }

  /** The program may use the server again. */
  #forget() {
    this.#drain.dispose();
    this.#unwatchClose();
    if (managed.get(this.#grant.address) === this) {
      managed.delete(this.#grant.address);
    }
  }

  /** Nothing else shows at once that the program has closed the listening socket. */
  #watchClose() {
    const server = this.#server;
    const { close } = server;
    const own = Object.getOwnPropertyDescriptor(server, 'close');
    this.#unwatchClose = () => {
      delete server.close;
      if (own !== undefined) {
        Object.defineProperty(server, 'close', own);
      }
    };
    server.close = (callback) => {
      if (!this.#drain.begun) {
        const result = close.call(server, callback);
        this.#release();
        return result;
      }
      if (typeof callback === 'function') {
        this.#drain.drained.then(() => callback());
      }
      return server;
    };
  }
}

async function guarded(goodbye, connection) {
  try {
    await goodbye(connection);
  } catch (error) {
    const message = 'a goodbye callback has failed; the connection is closed at the drain deadline';
    const detail = String(error?.stack ?? error);
    process.emitWarning(message, { type: 'ServerSwapWarning', code: 'goodbye_callback_failed', detail });
  }
}

/** The server that serves or drains a canonical address in this thread, if there is one. */
function managedServerAt(address) {
  return managed.get(address);
}

module.exports = { ManagedServer, managedServerAt };
