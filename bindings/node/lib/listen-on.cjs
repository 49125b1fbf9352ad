'use strict';

/** Makes a server listen on the socket that it was granted. */
const { isClusterWorker } = require('./cluster-worker.cjs');

/**
 * The backlog of every listener of serverswap. Node calls listen(2) on the descriptor, and a smaller number
 * would shrink the backlog for every process that holds the socket.
 */
const BACKLOG = 4096;

/**
 * Fulfilled when the server listens, or has been closed before that.
 *
 * @param {import('node:net').Server} server
 * @param {import('./grant.cjs').Listener} listener its descriptor is owned by the server from now on
 */
function listenOn(server, listener) {
  return new Promise((resolve, reject) => {
    const settle = (settled) => (value) => {
      for (const [event, listener] of Object.entries(listeners)) {
        server.off(event, listener);
      }
      settled(value);
    };
    const listeners = { listening: settle(resolve), close: settle(resolve), error: settle(reject) };
    for (const [event, listener] of Object.entries(listeners)) {
      server.on(event, listener);
    }
    start(server, listener);
  });
}

/**
 * In a worker of `cluster`, `server.listen({ fd })` means a descriptor of the primary process, whatever
 * `exclusive` is; the function that it calls in the end is reachable under its old name.
 */
function start(server, { fd, socket }) {
  if (socket !== undefined) {
    server.listen({ ...socket, backlog: BACKLOG });
  } else if (isClusterWorker()) {
    server._listen2(null, null, null, BACKLOG, fd);
  } else {
    server.listen({ fd }, BACKLOG);
  }
}

module.exports = { listenOn };
