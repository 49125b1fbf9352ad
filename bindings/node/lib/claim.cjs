'use strict';

/**
 * Claims: from `readyFor` to exactly one answer, `granted` or `refused`.
 *
 * Rules:
 * - a claim keeps the event loop alive until it is answered or withdrawn;
 * - a claim whose signal is aborted is withdrawn and rejected at once. If its grant was already on its way,
 *   the descriptor is closed when it arrives.
 */
const { closeSync } = require('node:fs');
const { setTimeout } = require('node:timers');

const { call, client, receive } = require('./client.cjs');
const { isClusterWorker } = require('./cluster-worker.cjs');
const { ServerSwapError, abortError } = require('./error.cjs');
const { grantOf } = require('./grant.cjs');
const loop = require('./ref-loop.cjs');

/**
 * How long a worker of `cluster` keeps it to itself that its claim was superseded. Many a primary process forks another
 * worker whenever one has ended: in an old generation, without a pause, until it is ended.
 */
const REFORK_MS = 1_000;

/** Number of the claim -> the functions that settle its promise. */
const waiting = new Map();

/**
 * @param {Call} readyFor
 * @param {AbortSignal} [signal]
 * @returns {Promise<import('./grant.cjs').Grant>} rejected with a ServerSwapError, or with an AbortError
 */
async function claim(readyFor, signal) {
  return claimNow(readyFor, signal);
}

/**
 * As `claim`, for who has to know at once whether the claim was possible.
 *
 * @throws {ServerSwapError} it was not, for example `already_claimed`
 */
function claimNow(readyFor, signal) {
  if (signal?.aborted) {
    throw abortError(signal);
  }
  const number = call(readyFor);
  return answer(number, signal);
}

async function answer(number, signal) {
  const withdraw = () => {
    take(number).reject(abortError(signal));
    client().withdraw(number);
  };
  loop.ref();
  signal?.addEventListener('abort', withdraw, { once: true });
  try {
    return await new Promise((resolve, reject) => waiting.set(number, { resolve, reject }));
  } finally {
    signal?.removeEventListener('abort', withdraw);
    loop.unref();
  }
}

function take(number) {
  const promise = waiting.get(number);
  waiting.delete(number);
  return promise;
}

receive('granted', (event) => {
  const promise = take(event.claim);
  if (promise !== undefined) {
    promise.resolve(grantOf(event));
  } else if (event.fd !== undefined) {
    closeSync(event.fd);
  }
});

receive('refused', ({ claim: number, code, message }) => {
  const promise = take(number);
  const reject = () => promise?.reject(new ServerSwapError(code, message));
  if (code === 'superseded' && isClusterWorker()) {
    setTimeout(reject, REFORK_MS);
  } else {
    reject();
  }
});

module.exports = { claim, claimNow };
