'use strict';

/** A scripted arbiter: it sends the lines of the test, when the test sends them. */
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const path = require('node:path');

const { Lines } = require('./lines.cjs');

const GREETING = {
  type: 'greeting',
  versions: [1],
  arbiter: { name: 'scripted', version: '0', pid: 1 },
  capabilities: {},
  limits: { lineBytes: 65536, fdsPerLine: 128 },
};

class Arbiter {
  #process;
  #lines;
  #socket;
  #pings = 1_000;

  constructor(child, socket) {
    this.#process = child;
    this.#lines = new Lines(child.stdout);
    this.#socket = socket;
  }

  /** @param {string} directory where its socket is made */
  static async start(directory) {
    const socket = path.join(directory, 'serverswap.sock');
    const child = spawn('python3', [path.join(__dirname, 'arbiter.py'), socket], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const arbiter = new Arbiter(child, socket);
    await arbiter.receives('bound');
    return arbiter;
  }

  /** The environment of a server. */
  get environment() {
    return { SERVERSWAP_SOCKET: this.#socket, SERVERSWAP_GENERATION: '7-9' };
  }

  /** The next line, which must be of this type. */
  async receives(type) {
    const message = JSON.parse(await this.#lines.next());
    if (message.type !== type) {
      throw new Error(`expected \`${type}\`, received ${JSON.stringify(message)}`);
    }
    return message;
  }

  /** @param {string[]} attach paths of Unix listeners whose descriptors go along */
  sends(send, attach = []) {
    this.#process.stdin.write(`${JSON.stringify({ send, attach })}\n`);
  }

  /** Greets the next client that connects, and returns its `hello`. */
  async welcomes() {
    await this.receives('connected');
    this.sends(GREETING);
    const hello = await this.receives('hello');
    this.sends({ type: 'welcome', re: hello.id, version: 1, generation: hello.generation, capabilities: {} });
    return hello;
  }

  /** Everything sent before has arrived, and the client has sent nothing but the answer to this. */
  async barrier() {
    this.#pings += 1;
    this.sends({ type: 'ping', id: this.#pings });
    await this.receives('pong');
  }

  /** Ends it as if it were killed: its connections break. A second call changes nothing. */
  async stop() {
    this.#process.stdin.end();
    if (this.#process.exitCode === null) {
      await once(this.#process, 'exit');
    }
  }
}

module.exports = { Arbiter };
