#!/usr/bin/env node
/**
 * The driver of the client in plain Node: commands on standard input, replies and events on standard output.
 * See conformance/contract/v1/README.md.
 */
import http from 'node:http';
import net from 'node:net';
import fs from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';

import { toListen } from './address.mjs';
import { Client } from './client.mjs';
import { Fault, expect } from './fault.mjs';
import { encode, isKnown, known, parse } from './lines.mjs';

const NAME = 'serverswap-plain-node';
const VERSION = '0.1.0';
const SUPPORTS = ['codec', 'serve', 'reconnect', 'more'];

const write = (line) => fs.writeSync(1, `${JSON.stringify(line)}\n`);
const event = (kind, fields) => write({ event: kind, ...fields });

let client;
let events = 0;
/** Claim -> the `op` of its command. */
const ops = new Map();
/** Address -> the server that `accept` or `serve` opened. */
const servers = new Map();

function tell(kind, claim, fields) {
  events += 1;
  event(kind, { op: ops.get(claim), address: claim.address, ...fields });
}

function connect() {
  client = new Client({ name: NAME, version: VERSION });
  client.on('waiting', (claim, waitingFor) => tell('waiting', claim, { address: undefined, waitingFor }));
  client.on('granted', (claim) => tell('granted', claim, { listener: false }));
  client.on('refused', (claim, code, message) => tell('refused', claim, { code, message }));
  client.on('takedown', (claim, { reason, drainMs }) => tell('takedown', claim, { op: undefined, reason, drainMs }));
  for (const kind of ['lost', 'warning']) {
    client.on(kind, (code) => event(kind, { code }));
  }
  return { supervised: client.supervised };
}

function using() {
  expect(client !== undefined, 'not_connected', '`connect` comes first');
  return client;
}

function open(address, server) {
  const where = toListen(address);
  expect(where !== undefined, 'no_socket', `${address} has no stream socket`);
  servers.set(address, server);
  return new Promise((resolve, reject) => server.once('error', reject).listen(where, resolve));
}

/** Takes one connection, writes back what it says first, and closes it. */
async function accept({ address, op }) {
  const server = net.createServer((connection) => {
    server.close();
    connection.once('data', (data) => connection.end(data.subarray(0, 64), () => event('accepted', { op })));
  });
  await open(address, server);
}

async function serve({ address }) {
  const server = http.createServer((request, response) => {
    response.setHeader('Server-Pid', process.pid);
    response.setHeader('Connection', 'close');
    response.setHeader('Content-Length', NAME.length);
    response.end(NAME);
  });
  await open(address, server);
}

function stop({ address, op }) {
  const server = servers.get(address);
  expect(server !== undefined, 'not_held', `${address} is not served`);
  servers.delete(address);
  server.close(() => event('stopped', { op }));
}

function released({ address }) {
  servers.get(address)?.close();
  servers.delete(address);
  using().released(address);
}

function readyFor({ op, address, socket, more }) {
  if (socket !== 'bind') {
    return { unsupported: true, why: 'the standard library of Node cannot receive descriptors' };
  }
  ops.set(using().readyFor(address, { more }), op);
}

function decode({ line, fds = 0 }) {
  try {
    const bytes = Buffer.from(line, 'base64');
    const message = parse(bytes.at(-1) === 10 ? bytes.subarray(0, -1) : bytes);
    expect((message.fds ?? []).length === fds, 'descriptor_mismatch');
    if (isKnown(message.type)) {
      return { message: known(message) };
    }
    return message.id === undefined ? { ignored: true } : { unknown: { type: message.type, id: message.id } };
  } catch (fault) {
    return { rejected: fault.code };
  }
}

/** Lets the event loop poll until a whole round of it has brought nothing. */
async function sync() {
  for (let quiet = 0, before = events; quiet < 3; before = events) {
    await turn();
    quiet = events === before ? quiet + 1 : 0;
  }
}

const commands = {
  hello: () => ({
    contract: 1,
    client: { name: NAME, version: VERSION, language: 'node', languageVersion: process.versions.node },
    protocol: [1],
    level: 1,
    supports: SUPPORTS,
  }),
  decode,
  encode: ({ message }) => ({ line: encode(message).toString('base64') }),
  connect,
  readyFor,
  serving: ({ address }) => using().serving(address),
  onTakedown: ({ address }) => using().onTakedown(address),
  released,
  progress: ({ address, ...how }) => using().progress(address, how),
  serverUp: () => using().serverUp(),
  fail: ({ reason }) => using().fail(reason),
  accept,
  serve,
  stop,
  sync,
  close: () => client?.close(),
  exit: ({ code }) => setImmediate(() => process.reallyExit(code)),
};

async function run({ seq, cmd, ...fields }) {
  if (!Object.hasOwn(commands, cmd)) {
    write({ seq, unsupported: true, why: `\`${cmd}\` is not known` });
    return;
  }
  try {
    const { unsupported, ...more } = (await commands[cmd](fields)) ?? {};
    write({ seq, ...(unsupported ? { unsupported } : { ok: true }), ...more });
  } catch (error) {
    write({ seq, errored: true, code: error instanceof Fault ? error.code : undefined, message: error.message });
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
