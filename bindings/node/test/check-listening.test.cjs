'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { checkListening } = require('../lib/check-listening.cjs');

const listensOn = (bound) => ({ address: () => bound });
const tcp = (address, port) => ({ address, port, family: address.includes(':') ? 'IPv6' : 'IPv4' });

const RIGHT = [
  [':8080', tcp('::', 8080)],
  [':8080', tcp('0.0.0.0', 8080)],
  ['0.0.0.0:8080', tcp('::', 8080)],
  ['127.0.0.1:8080', tcp('127.0.0.1', 8080)],
  ['[::1]:443', tcp('::1', 443)],
  ['[2001:db8::1]:443', tcp('2001:0db8:0:0::1', 443)],
  ['unix:/run/app.sock', null],
  ['unix:/run/app.sock', '/run/app.sock'],
];

const WRONG = [
  [':8080', tcp('::', 46159)],
  ['127.0.0.1:8080', tcp('127.0.0.2', 8080)],
  ['[::1]:443', tcp('::1', 8443)],
  [':8080', null],
  [':8080', '/run/app.sock'],
  ['unix:/run/app.sock', '/run/other.sock'],
  ['unix:/run/app.sock', tcp('::', 46159)],
];

for (const [address, bound] of RIGHT) {
  test(`a server of ${address} may listen on ${JSON.stringify(bound)}`, () => checkListening(listensOn(bound), address));
}

for (const [address, bound] of WRONG) {
  test(`a server of ${address} must not listen on ${JSON.stringify(bound)}`, () => {
    assert.throws(() => checkListening(listensOn(bound), address), { code: 'listens_elsewhere' });
  });
}
