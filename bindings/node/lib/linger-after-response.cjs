'use strict';

/**
 * Lets a client finish a request that is answered before its body has arrived.
 *
 * Node closes the connection with the response, and the kernel resets a connection that is closed while there is
 * something to read: the client's next write fails, and a response that it has not read is lost. So the server
 * closes its own half, reads what still comes, and closes the connection at the end of the request (RFC 9112,
 * section 9.6). A client that never ends it is closed at the drain deadline.
 */

/** @param {import('node:http').IncomingMessage} request whose response closes the connection */
function lingerAfterResponse(request) {
  const { socket } = request;
  const { destroySoon } = socket;
  // What Node calls to close the connection, when the response is written.
  socket.destroySoon = () => {
    socket.destroySoon = destroySoon;
    if (request.complete || request.destroyed) {
      socket.destroySoon();
      return;
    }
    socket.end();
    request.once('close', () => socket.destroySoon());
    if (request.listenerCount('data') === 0 && request.listenerCount('readable') === 0) {
      request.resume();
    }
  };
}

module.exports = { lingerAfterResponse };
