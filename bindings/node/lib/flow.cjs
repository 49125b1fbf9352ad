'use strict';

/** For how long nothing was sent on each socket. Nothing tells when something is: this is seen by whoever looks again. */
class Flow {
  /** Handle -> the bytes that had been sent, and since when it has been so many. */
  #seen = new WeakMap();

  /**
   * @param {import('node:net').Socket} socket
   * @param {number} now milliseconds
   * @returns {number} milliseconds, 0 if it is looked at for the first time
   */
  silentMs(socket, now) {
    const handle = handleOf(socket);
    const { bytesWritten, writeQueueSize = 0 } = handle;
    const bytes = bytesWritten - writeQueueSize;
    const seen = this.#seen.get(handle);
    if (seen !== undefined && seen.bytes === bytes) {
      return now - seen.since;
    }
    this.#seen.set(handle, { bytes, since: now });
    return 0;
  }
}

/**
 * What knows how much the kernel has taken: Node's HTTP/2 writes to it, and not to the socket. The same for a connection, what
 * TLS makes of it, and the socket of a session, which is a proxy.
 */
function handleOf(socket) {
  return (socket._parent ?? socket)._handle ?? socket;
}

module.exports = { Flow, handleOf };
