#!/usr/bin/env node
'use strict';

/**
 * The driver of our package for Node: commands on standard input, replies and events on standard output.
 * See conformance/contract/v1/README.md.
 *
 * Beside the package's API it uses what `build.mjs --debug` builds into the addon for it: the codec, `process` as a
 * barrier, and `abandon`, because a program drops its connection by ending; and of the package's own modules the event
 * `waiting`, which is no part of the API, and the canonical address of a call.
 */
const { writeSync } = require('node:fs');
const { setImmediate: turn } = require('node:timers/promises');

const serverswap = require('../../../bindings/node');
const { addressCall, client, receive } = require('../../../bindings/node/lib/client.cjs');
const { decodeLine, encodeLine } = require('../../../bindings/node/lib/native.cjs');
const { version } = require('../../../bindings/node/package.json');
const { Echo, Http } = require('./serving.cjs');

const NAME = 'serverswap-node';
const SUPPORTS = ['codec', 'inherit', 'serve', 'reconnect', 'more', 'many'];
/** Mistakes of the program, which are thrown where the claim is made. */
const MISTAKES = ['already_claimed', 'failed', 'forked', 'invalid_address', 'invalid_argument', 'not_inheritable'];

const write = (line) => writeSync(1, `${JSON.stringify(line)}\n`);
const event = (kind, fields) => write({ event: kind, ...fields });

/** Canonical address -> `{ op, abort, inherits, grant?, serving?, done? }` of its newest claim. */
const claims = new Map();
/** Canonical addresses with an `onTakedown`. */
const handled = new Set();

process.on('warning', ({ name, code }) => {
  if (name === 'ServerSwapWarning') {
    event('lost', { code });
  }
});

receive('waiting', ({ address, waitingFor }) => {
  event('waiting', { op: claims.get(address)?.op, waitingFor });
});

function canonicalAddress(address) {
  return addressCall('readyFor', address, false, false).address;
}

function mistake(code, message) {
  return Object.assign(new Error(message), { code });
}

function claimOf(address, ...keys) {
  const claim = claims.get(canonicalAddress(address));
  if (claim === undefined || !keys.some((key) => claim[key] !== undefined)) {
    throw mistake('not_held', `${address} is not held`);
  }
  return claim;
}

async function readyFor({ op, address, socket, more = false }) {
  const abort = new AbortController();
  const options = { inherit: socket === 'inherit', more, signal: abort.signal };
  const claim = { op, abort, inherits: options.inherit };
  let thrown;
  const answer = serverswap.readyFor(address, options.inherit ? options : { ...options, serving: 'manual' });
  answer.then(
    (grant) => {
      Object.assign(claim, { grant, abort: undefined });
      event('granted', { op, address: grant.address, listener: options.inherit });
    },
    (error) => {
      claim.abort = undefined;
      if (!claim.replied && MISTAKES.includes(error.code)) {
        thrown = error;
      } else {
        const code = error.name === 'AbortError' ? 'withdrawn' : error.code;
        event('refused', { op, address: canonicalAddress(address), code, message: error.message });
      }
    },
  );
  await new Promise(process.nextTick); // a mistake is known by then, and no event has been delivered
  claim.replied = true;
  if (thrown !== undefined) {
    throw thrown;
  }
  claims.set(canonicalAddress(address), claim);
}

function onTakedown({ address }) {
  const canonical = canonicalAddress(address);
  if (handled.has(canonical)) {
    return;
  }
  serverswap.onTakedown(address, (done, { reason, drainMs }) => {
    Object.assign(claims.get(canonical) ?? {}, { done });
    event('takedown', { address: canonical, reason, drainMs });
  });
  handled.add(canonical);
}

function released({ address }) {
  const claim = claimOf(address, 'abort', 'grant');
  if (claim.abort !== undefined) {
    claim.abort.abort();
    return;
  }
  claim.serving?.close();
  if (claim.done !== undefined && claim.serving === undefined) {
    claim.grant.close(); // its descriptor, which nobody has taken
  }
  (claim.done ?? (() => claim.grant.close()))();
  claims.delete(canonicalAddress(address));
}

/** The one server of a grant; it keeps accepting what `accept` has not asked for yet. */
function servingOf(address, Kind) {
  const claim = claimOf(address, 'grant');
  claim.serving ??= new Kind(claim.grant, canonicalAddress(address));
  return claim.serving;
}

async function accept({ address, op }) {
  const echo = servingOf(address, Echo);
  await echo.listening;
  echo.answer(() => event('accepted', { op }));
}

async function serve({ address }) {
  await servingOf(address, Http).listening;
}

/** The package refuses this for a listener on which no server listens. */
async function serving({ address }) {
  const claim = claims.get(canonicalAddress(address));
  if (claim?.inherits && claim.grant !== undefined) {
    await servingOf(address, Echo).listening;
  }
  serverswap.serving(address);
}

function stop({ address, op }) {
  const { serving } = claimOf(address, 'serving');
  serving.close(() => event('stopped', { op }));
}

/** What can be read is processed by the addon, and its events are delivered in the next rounds of the loop. */
async function sync() {
  if (serverswap.supervised) {
    client().process();
  }
  for (let round = 0; round < 4; round += 1) {
    await turn();
  }
}

const commands = {
  hello: () => ({
    contract: 1,
    client: { name: NAME, version, language: 'node', languageVersion: process.versions.node },
    protocol: [1],
    level: 3,
    supports: SUPPORTS,
  }),
  decode: ({ line, fds = 0 }) => JSON.parse(decodeLine(Buffer.from(line, 'base64'), fds)),
  encode: ({ message }) => ({ line: Buffer.from(encodeLine(JSON.stringify(message))).toString('base64') }),
  connect: () => {
    client().process();
    return { supervised: serverswap.supervised };
  },
  readyFor,
  serving,
  onTakedown,
  released,
  progress: ({ address, connections, extendMs }) => serverswap.progress(address, { connections, extendMs }),
  serverUp: () => serverswap.serverUp(),
  fail: ({ reason }) => serverswap.fail(reason),
  accept,
  serve,
  stop,
  sync,
  close: () => client().abandon(),
  exit: ({ code }) => setImmediate(() => process.reallyExit(code)),
};

async function run({ seq, cmd, ...fields }) {
  if (!Object.hasOwn(commands, cmd)) {
    write({ seq, unsupported: true, why: `\`${cmd}\` is not known` });
    return;
  }
  try {
    write({ seq, ok: true, ...(await commands[cmd](fields)) });
  } catch ({ code, message }) {
    write({ seq, errored: true, code, message });
  }
}

let rest = '';
let done = Promise.resolve();
process.stdin.setEncoding('utf8');
process.stdin.on('data', (data) => {
  const lines = (rest + data).split('\n');
  rest = lines.pop();
  for (const line of lines) {
    done = done.then(() => run(JSON.parse(line)));
  }
});
process.stdin.on('end', () => process.exit(0));
