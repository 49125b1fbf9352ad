'use strict';

/**
 * Checks, before `serving` is reported, that a server listens where its address is: the old server is taken down
 * for that, and a runtime or a framework that ignores the descriptor would listen somewhere else.
 */
const { SocketAddress, isIPv6 } = require('node:net');

const { ServerSwapError } = require('./error.cjs');

const EVERY_INTERFACE = ['', '::', '0.0.0.0'];

/**
 * @param {import('node:net').Server} server
 * @param {string} address the canonical one
 * @throws {ServerSwapError} `listens_elsewhere`
 */
function checkListening(server, address) {
  const bound = server.address();
  const listens = address.startsWith('unix:') ? isPath(bound, address.slice('unix:'.length)) : isPort(bound, address);
  if (!listens) {
    throw new ServerSwapError(
      'listens_elsewhere',
      `the server was given the socket of \`${address}\` and listens on ${described(bound)}; an older server was not touched\n` +
        'hint: make it listen on the descriptor, or claim the address with `readyFor` and bind it',
    );
  }
}

/** Node does not know the path of a socket that it has not bound. */
function isPath(bound, path) {
  return bound === null || bound === path;
}

/** A socket on every interface serves each address of the port. */
function isPort(bound, address) {
  const [, host, port] = /^(.*):(\d+)$/.exec(address);
  const hosts = [host.replace(/^\[|\]$/g, ''), bound?.address].map(normal);
  return bound?.port === Number(port) && (hosts[0] === hosts[1] || hosts.some((text) => EVERY_INTERFACE.includes(text)));
}

/** IPv6 has several texts for one address. */
function normal(address) {
  return isIPv6(address) ? new SocketAddress({ address, family: 'ipv6' }).address : address;
}

function described(bound) {
  return typeof bound === 'object' && bound !== null ? `port ${bound.port} of ${bound.address}` : String(bound ?? 'nothing');
}

module.exports = { checkListening };
