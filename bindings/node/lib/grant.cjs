'use strict';

/**
 * The answer to a claim: a `Grant` (bind), or a `Listener` (inherit) that has the socket.
 */
const { closeSync } = require('node:fs');

const { addressCall, call, callIfHeld, client } = require('./client.cjs');
const { ServerSwapError } = require('./error.cjs');

const servingIfHeld = Symbol('servingIfHeld');

/** Canonical address -> its listener in this thread, if it is held. */
const listeners = new Map();

/** An address that this server holds. */
class Grant {
  #claim;
  #address;
  #closed = false;

  /**
   * @param {number} claim the number of the claim
   * @param {string} address the canonical one
   */
  constructor(claim, address) {
    this.#claim = claim;
    this.#address = address;
  }

  /** The canonical address, for example `:8080`. */
  get address() {
    return this.#address;
  }

  /**
   * Reports that the accept loop runs: from now on this server serves the address, and an older one gets
   * a takedown. Of no effect after `close()`.
   *
   * @throws {ServerSwapError} `not_held`: the address has been taken already
   */
  serving() {
    if (!this.#closed) {
      call(addressCall('serving', this.#address));
    }
  }

  /** As `serving()`, for when the address may have been taken in the meantime. Not for programs. */
  [servingIfHeld]() {
    if (!this.#closed) {
      callIfHeld(addressCall('serving', this.#address));
    }
  }

  /** Releases the address. */
  close() {
    if (!this.#closed) {
      this.#closed = true;
      client().withdraw(this.#claim);
    }
    if (listeners.get(this.#address) === this) {
      listeners.delete(this.#address);
    }
  }
}

/**
 * The listening socket of an address, for `server.listen(listener)` and
 * `dgramSocket.bind(listener)`.
 *
 * Whoever reads `fd` owns the descriptor: `server.listen` closes it with the server. If nobody
 * has read it, `close()` closes it.
 */
class Listener extends Grant {
  #fd;
  #owned = true;

  constructor(claim, address, fd) {
    super(claim, address);
    this.#fd = fd;
    listeners.set(address, this);
  }

  /** The descriptor. */
  get fd() {
    this.#owned = false;
    return this.#fd;
  }

  /**
   * As of every grant.
   *
   * @throws {ServerSwapError} `not_held`; `not_listening`: no server has asked for the descriptor
   */
  serving() {
    this.check();
    super.serving();
  }

  /** @throws {ServerSwapError} `not_listening` */
  check() {
    if (this.#owned) {
      throw new ServerSwapError(
        'not_listening',
        `no server listens on the socket of \`${this.address}\`; an older server was not touched\n` +
          'hint: `server.listen(listener)` comes first; an HTTP server of Bun ignores the socket that it is given',
      );
    }
  }

  /** Makes a `cluster` worker listen by itself; the primary process has other descriptors. */
  get exclusive() {
    return true;
  }

  /** Closes the descriptor if no server has taken it, and releases the address. */
  close() {
    if (this.#owned) {
      this.#owned = false;
      closeSync(this.#fd);
    }
    super.close();
  }
}

/** The same where no descriptor can be inherited: `server.listen(listener)` listens by itself. */
class UnboundListener extends Grant {
  /** @param {{ port: number, host?: string } | { path: string }} socket what `server.listen` takes */
  constructor(claim, address, socket) {
    super(claim, address);
    this.socket = socket;
    Object.assign(this, socket);
  }

  get exclusive() {
    return true;
  }
}

function grantOf({ claim, address, fd, socket }) {
  listeners.delete(address);
  if (socket !== undefined) {
    return new UnboundListener(claim, address, socket);
  }
  return fd === undefined ? new Grant(claim, address) : new Listener(claim, address, fd);
}

/** As `serving()` of the grant of the address, which another thread may have. */
function serving(address) {
  const report = addressCall('serving', address);
  listeners.get(report.address)?.check();
  call(report);
}

module.exports = { grantOf, serving, servingIfHeld };
