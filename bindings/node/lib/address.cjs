'use strict';

/** What a caller may write for an address: a text, or a port number. */
const { wrongArgument } = require('./error.cjs');
const { canonicalAddress } = require('./native.cjs');
const { translated } = require('./client.cjs');

/**
 * The canonical text of an address. The grammar is in one place for all languages, the addon.
 *
 * @throws {ServerSwapError} `invalid_argument`: neither a text nor a port number;
 *   `invalid_address`: a text that names no address
 */
function addressOf(address) {
  if (typeof address !== 'string' && !Number.isInteger(address)) {
    throw wrongArgument(`an address is a string such as ':8080' or a port number, not ${typeof address}`);
  }
  return translated(() => canonicalAddress(String(address)));
}

module.exports = { addressOf };
