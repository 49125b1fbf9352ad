'use strict';

/**
 * What the addon exports, for systems that serverswap does not run on: the same as without a supervisor, so that a
 * server which is deployed on Linux can be developed on another system.
 *
 * It deliberately opens no socket: an inherited listener is a port or a path, on which the server listens by itself.
 */
const { isIPv4, isIPv6, SocketAddress } = require('node:net');
const path = require('node:path');

const DRAIN_TIMEOUT_MS = 30_000;
const SILENT_AFTER_MS = 3_000;
const RETRY_MS = 1_000;

/** A call, not yet made. */
class Call {
  constructor(kind, address, details) {
    Object.assign(this, { kind, address, ...details });
  }

  static readyFor(text, inherit) {
    const { address, socket } = parsed(text);
    return new Call('readyFor', address, { inherit, socket });
  }

  static onTakedown(text) {
    return new Call('onTakedown', parsed(text).address);
  }

  static serving(text) {
    return new Call('serving', parsed(text).address);
  }

  static progress(text) {
    return new Call('progress', parsed(text).address);
  }

  static serverUp() {
    return new Call('serverUp');
  }

  static fail() {
    return new Call('fail');
  }
}

/** Grants every claim. */
class Client {
  #deliver;
  #calls = 0;
  /** Canonical address -> the number of the claim by which it is held. */
  #held = new Map();
  #failed = false;

  constructor(deliver) {
    this.#deliver = deliver;
  }

  call({ kind, address, inherit, socket }) {
    this.#calls += 1;
    switch (kind) {
      case 'readyFor':
        this.#claim(this.#calls, address, inherit, socket);
        break;
      case 'serving':
      case 'progress':
        if (!this.#held.has(address)) {
          throw coded('not_held', `\`${address}\` is not held by this server`);
        }
        break;
      case 'fail':
        this.#failed = true;
        break;
    }
    return this.#calls;
  }

  withdraw(claim) {
    for (const [address, number] of this.#held) {
      if (number === claim) {
        this.#held.delete(address);
      }
    }
  }

  /** There are no takedowns. */
  handlerDone() {}

  removeHandler() {}

  #claim(claim, address, inherit, socket) {
    if (this.#failed) {
      throw coded('failed', 'this server has called `fail` and can claim nothing');
    }
    if (inherit && socket === undefined) {
      throw coded('not_inheritable', `\`${address}\` has no socket that could be inherited on ${process.platform}`);
    }
    if (this.#held.has(address)) {
      throw coded('already_claimed', `\`${address}\` is claimed by this server already`);
    }
    this.#held.set(address, claim);
    setImmediate(() => {
      if (this.#held.get(address) === claim) {
        this.#deliver({ type: 'granted', claim, address, socket: inherit ? socket : undefined });
      }
    });
  }
}

function drainDurationMs(timeoutMs) {
  return timeoutMs ?? DRAIN_TIMEOUT_MS;
}

/** There are no deploys: a server that stops tells all of its connections at once. */
class Pace {
  extend() {}

  nextMs(waiting) {
    return waiting > 0 ? 0 : null;
  }

  isDue() {
    return true;
  }
}

function goodbyeOrder(silencesMs) {
  return silencesMs.map((_, place) => place);
}

function silentAfterMs() {
  return SILENT_AFTER_MS;
}

function eventStreamRetryMs() {
  return RETRY_MS;
}

/** The canonical text of an address, and the options of `server.listen` if it is one of TCP or a Unix socket. */
function parsed(text) {
  if (/^\d+$/.test(text)) {
    return parsed(`:${text}`);
  }
  if (text.startsWith('unix:/')) {
    const file = path.posix.normalize(text.slice('unix:'.length));
    return { address: `unix:${file}`, socket: { path: file } };
  }
  const [, udp, host, port] = /^(udp:)?(.*):(\d+)$/.exec(text) ?? [];
  const known = port >= 1 && port <= 65_535 ? hostOf(host) : undefined;
  if (known !== undefined) {
    const socket = { port: Number(port), host: known.replace(/[[\]]/g, '') || undefined };
    return { address: `${udp ?? ''}${known}:${Number(port)}`, socket: udp ? undefined : socket };
  }
  if (/^[a-z][\w.-]{0,254}$/i.test(text)) {
    return { address: text };
  }
  throw coded('invalid_address', `\`${text}\` is not an address such as \`:8080\`, \`127.0.0.1:8080\` or \`unix:/run/app.sock\``);
}

function hostOf(text) {
  if (text === '' || isIPv4(text)) {
    return text;
  }
  const inner = /^\[(.*)\]$/.exec(text)?.[1];
  return isIPv6(inner ?? '') ? `[${new SocketAddress({ address: inner, family: 'ipv6' }).address}]` : undefined;
}

function coded(code, message) {
  return Object.assign(new Error(message), { code });
}

module.exports = { Call, Client, Pace, drainDurationMs, eventStreamRetryMs, goodbyeOrder, silentAfterMs };
