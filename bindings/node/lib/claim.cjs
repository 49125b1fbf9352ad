'use strict';

/**
 * Claims: from `readyFor` to exactly one answer, `granted` or `refused`.
 *
 * Rules:
 * - a waiting claim holds the event loop; an answered or withdrawn one does not;
 * - a claim whose signal is aborted is withdrawn and rejected at once. A grant that was already
 *   on its way is not taken any more, and its descriptor closed when it arrives.
 */
const { closeSync } = require('node:fs');

const { call, receive } = require('./client.cjs');
const { ServerSwapError, abortError } = require('./error.cjs');
const loop = require('./hold-loop.cjs');

/** Number of the claim -> how its promise is settled. */
const waiting = new Map();

/**
 * @param {string} address a canonical one
 * @param {{ inherit: boolean, more: boolean, signal?: AbortSignal }} options
 * @returns {Promise<{ address: string, fd?: number }>} rejected with a ServerSwapError, or with
 *   an AbortError
 */
async function claim(address, { inherit, more, signal }) {
  if (signal?.aborted) {
    throw abortError(signal);
  }
  const number = call('readyFor', address, inherit, more);
  const withdraw = () => {
    take(number).reject(abortError(signal));
    call('released', address);
  };
  loop.hold();
  signal?.addEventListener('abort', withdraw, { once: true });
  try {
    return await new Promise((resolve, reject) => waiting.set(number, { resolve, reject }));
  } finally {
    signal?.removeEventListener('abort', withdraw);
    loop.letGo();
  }
}

function take(number) {
  const promise = waiting.get(number);
  waiting.delete(number);
  return promise;
}

receive('granted', ({ claim: number, address, fd }) => {
  const promise = take(number);
  if (promise !== undefined) {
    promise.resolve({ address, fd });
  } else if (fd !== undefined) {
    closeSync(fd);
  }
});

receive('refused', ({ claim: number, code, message }) => {
  take(number)?.reject(new ServerSwapError(code, message));
});

module.exports = { claim };
