#!/usr/bin/env node
/**
 * Wraps a client of the serverswap protocol for serverswap-conformance.
 *
 * Commands come on standard input, replies and events go to standard output, one JSON object a line; logs go to
 * standard error. The words are explained in conformance/contract/v1/README.md. What is missing here is marked with
 * "your client".
 */
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';

// your client: import it here.

function write(line) {
  writeSync(1, `${JSON.stringify(line)}\n`);
}

/** What comes of a command later: event('granted', { op, address: ':8080', listener: true }). */
function event(kind, fields) {
  write({ event: kind, ...fields });
}

const commands = {
  hello() {
    const client = { name: 'your-client', version: '0.1.0', language: 'node' };
    // level: what you claim, 0 to 3. supports: codec, inherit, serve, fork, reconnect, more, as far as you are.
    return { contract: 1, client, protocol: [1], level: 1, supports: [] };
  },

  connect() {
    // your client: set it up from the environment, and have its outcomes call event().
    return { supervised: Boolean(process.env.SERVERSWAP_SOCKET) };
  },

  async sync() {
    // your client: what was readable when this was called has to be processed, and its events written, when it is done.
    await new Promise(setImmediate);
    await new Promise(setImmediate);
  },

  close() {
    // your client: drop it, so that its connection closes; if there is none, there is nothing to do.
  },

  // your client: a function for each further command. An error whose `code` is a code of the protocol, or one of
  // already_claimed, not_held, not_inheritable, invalid_address, failed and forked, is reported with it.
  //
  // readyFor({ op, address, socket, more = false }) {
  //   claim(address, { inherit: socket === 'inherit', more });
  // },
};

async function answer({ cmd, ...fields }) {
  if (!Object.hasOwn(commands, cmd)) {
    return { unsupported: true, why: `\`${cmd}\` is not written yet` };
  }
  try {
    return { ok: true, ...(await commands[cmd](fields)) };
  } catch (error) {
    return { errored: true, code: error.code ?? 'internal', message: error.message };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const { seq, ...command } = JSON.parse(line);
  write({ seq, ...(await answer(command)) });
}
// your client: close everything. The end of standard input is the end of the driver, with status 0 within 2 seconds.
process.exit(0);
