'use strict';

/** A scripted arbiter: it says what the test says, when the test says it. */
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
    await arbiter.hears('bound');
    return arbiter;
  }

  /** What a server finds in its environment. */
  get environment() {
    return { SERVERSWAP_SOCKET: this.#socket, SERVERSWAP_GENERATION: '7-9' };
  }

  /** The next line, which must be of this type. */
  async hears(type) {
    const message = JSON.parse(await this.#lines.next());
    if (message.type !== type) {
      throw new Error(`expected \`${type}\`, heard ${JSON.stringify(message)}`);
    }
    return message;
  }

  /** @param {string[]} attach paths of Unix listeners whose descriptors go along */
  says(send, attach = []) {
    this.#process.stdin.write(`${JSON.stringify({ send, attach })}\n`);
  }

  /** Greets the next client that connects, and returns its `hello`. */
  async welcomes() {
    await this.hears('connected');
    this.says(GREETING);
    const hello = await this.hears('hello');
    this.says({ type: 'welcome', re: hello.id, version: 1, generation: hello.generation, capabilities: {} });
    return hello;
  }

  /** Everything that the client was told before has arrived, and nothing came of it but this. */
  async barrier() {
    this.#pings += 1;
    this.says({ type: 'ping', id: this.#pings });
    await this.hears('pong');
  }

  /** Ends it as if it were killed: its links break. A second time changes nothing. */
  async stop() {
    this.#process.stdin.end();
    if (this.#process.exitCode === null) {
      await once(this.#process, 'exit');
    }
  }
}

module.exports = { Arbiter };
