'use strict';

/**
 * What a claim was answered with: a `Grant` (bind), or a `Listener` (inherit) that has the socket.
 */
const { closeSync } = require('node:fs');

const { call, callIfHeld } = require('./client.cjs');

const servingIfHeld = Symbol('servingIfHeld');

/** An address that this server holds. */
class Grant {
  #address;
  #closed = false;

  constructor(address) {
    this.#address = address;
  }

  /** The canonical address, for example `:8080`. */
  get address() {
    return this.#address;
  }

  /**
   * Says that the accept loop runs: from now on this server is the one that serves the address,
   * and an older one is told to let go. Nothing happens after `close()`.
   *
   * @throws {ServerSwapError} `not_held`: the address has been taken already
   */
  serving() {
    if (!this.#closed) {
      call('serving', this.#address);
    }
  }

  /** As `serving()`, for when the address may have been taken in the meantime. Not for programs. */
  [servingIfHeld]() {
    if (!this.#closed) {
      callIfHeld('serving', this.#address);
    }
  }

  /** Gives the address up. */
  close() {
    if (!this.#closed) {
      this.#closed = true;
      call('released', this.#address);
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

  constructor(address, fd) {
    super(address);
    this.#fd = fd;
  }

  /** The descriptor. */
  get fd() {
    this.#owned = false;
    return this.#fd;
  }

  /** Tells `cluster` not to ask the primary process, whose descriptors are others. */
  get exclusive() {
    return true;
  }

  /** Gives the address up, and closes the descriptor if no server has taken it. */
  close() {
    if (this.#owned) {
      this.#owned = false;
      closeSync(this.#fd);
    }
    super.close();
  }
}

function grantOf({ address, fd }) {
  return fd === undefined ? new Grant(address) : new Listener(address, fd);
}

module.exports = { grantOf, servingIfHeld };
