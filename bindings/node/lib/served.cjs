'use strict';

/**
 * One server on one inherited address, from its grant to its last connection.
 *
 * Rules:
 * - `serving` is said when the server listens, `released` when it has stopped accepting;
 * - the address is given up as well when the program closes the server by itself;
 * - while it drains, `server.close()` only waits: Node's own would close idle connections.
 */
const { callIfHeld } = require('./client.cjs');
const { Drain } = require('./drain.cjs');
const { servingIfHeld } = require('./grant.cjs');
const { listening } = require('./listening.cjs');
const { thinned } = require('./open-count.cjs');
const { offTakedown, onTakedown } = require('./takedown.cjs');

/** The drain of a server that is closed without a takedown. */
const DRAIN_MS_DEFAULT = 30_000;
/** How long before the supervisor's TERM the server's own deadline is. */
const MARGIN_MS_MAX = 500;
const MARGIN_SHARE = 0.1;

/** Canonical address -> who serves or drains it in this thread. */
const served = new Map();

class Served {
  #server;
  #address;
  #options;
  #drain;
  #grant = null;
  #takedown = (done, takedown) => this.#takenDown(done, takedown);

  /** Registers for takedown, so that there is no moment with a grant and without it. */
  constructor(server, address, options) {
    this.#server = server;
    this.#address = address;
    this.#options = options;
    this.#drain = new Drain(server);
    onTakedown(address, this.#takedown);
  }

  /** The claim has failed. */
  refused() {
    offTakedown(this.#address, this.#takedown);
  }

  /**
   * @param {import('./grant.cjs').Listener} grant
   * @throws {Error} what the server's `error` event said; the address is given up then
   */
  async granted(grant) {
    this.#grant = grant;
    served.set(this.#address, this);
    this.#drain.drained.then(() => this.#forget());
    if (this.#drain.begun) {
      grant.close();
      return;
    }
    try {
      await listening(this.#server, grant.fd);
    } catch (error) {
      this.#giveUp();
      this.#forget();
      throw error;
    }
    if (!this.#drain.begun) {
      this.#watchClose();
      grant[servingIfHeld]();
    }
  }

  /** What the caller of `listen` gets. */
  get handle() {
    const { drained } = this.#drain;
    return Object.freeze({ address: this.#address, drained, close: () => this.#close() });
  }

  /** Makes the drain deadline no earlier than this many milliseconds from now. */
  extend(extendMs) {
    if (this.#drain.begun) {
      this.#drain.extend(extendMs);
    }
  }

  #takenDown(done, { address, reason, drainMs }) {
    offTakedown(address, this.#takedown);
    if (!this.#drain.begun) {
      const report = thinned((open) => callIfHeld('progress', address, open));
      this.#drain.begin(this.#drainMs(drainMs), report);
    }
    done();
    this.#options.onTakedown?.({ address, reason, drainMs, connections: this.#drain.sockets });
  }

  #close() {
    if (!this.#drain.begun) {
      this.#drain.begin(this.#options.drainTimeout ?? DRAIN_MS_DEFAULT);
      this.#giveUp();
    }
    return this.#drain.drained;
  }

  #giveUp() {
    offTakedown(this.#address, this.#takedown);
    this.#grant.close();
  }

  #forget() {
    if (served.get(this.#address) === this) {
      served.delete(this.#address);
    }
  }

  #drainMs(untilTerm) {
    const margin = Math.min(MARGIN_MS_MAX, untilTerm * MARGIN_SHARE);
    return Math.min(this.#options.drainTimeout ?? Infinity, untilTerm - margin);
  }

  /** Nothing else tells at once that the program has closed the listening socket. */
  #watchClose() {
    const server = this.#server;
    const { close } = server;
    server.close = (callback) => {
      if (!this.#drain.begun) {
        this.#giveUp();
        return close.call(server, callback);
      }
      if (typeof callback === 'function') {
        this.#drain.drained.then(() => callback());
      }
      return server;
    };
  }
}

/** Who serves or drains a canonical address in this thread, if anybody does. */
function servedAt(address) {
  return served.get(address);
}

module.exports = { Served, servedAt };
