'use strict';

/** For how long nothing was sent on each socket. Nothing tells when something is: this is seen by whoever looks again. */
class Flow {
  /** Socket -> the bytes that had been sent, and since when it has been so many. */
  #seen = new WeakMap();

  /**
   * @param {import('node:net').Socket} socket
   * @param {number} now milliseconds
   * @returns {number} milliseconds, 0 if it is looked at for the first time
   */
  silentMs(socket, now) {
    const bytes = sent(socket);
    const seen = this.#seen.get(socket);
    if (seen !== undefined && seen.bytes === bytes) {
      return now - seen.since;
    }
    this.#seen.set(socket, { bytes, since: now });
    return 0;
  }
}

/** What the kernel has taken. The handle knows: Node's HTTP/2 writes to it, and not to the socket. */
function sent(socket) {
  const { bytesWritten, writeQueueSize = 0 } = socket._handle ?? socket;
  return bytesWritten - writeQueueSize;
}

module.exports = { Flow };
