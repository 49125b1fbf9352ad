'use strict';

/** A server program in a process of its own, written in the test that runs it. */
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const path = require('node:path');

const { Lines } = require('./lines.cjs');

const PACKAGE = path.resolve(__dirname, '..', '..');
const PRELUDE = `const serverswap = require(${JSON.stringify(PACKAGE)}); const print = (text) => console.log(text);`;

class Program {
  #process;
  #lines;
  #stderr = '';
  #exited;

  /**
   * @param {string} source JavaScript with `serverswap`, `print`, and everything that `node -e` has
   * @param {{ env?: object, flags?: string[], prelude?: string }} [options]
   */
  constructor(source, { env = {}, flags = [], prelude = PRELUDE } = {}) {
    this.#process = spawn(process.execPath, [...flags, '-e', prelude + source], {
      env: { ...withoutSupervisor(process.env), ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#process.stderr.setEncoding('utf8').on('data', (text) => (this.#stderr += text));
    this.#lines = new Lines(this.#process.stdout);
    this.#exited = once(this.#process, 'close').then(([code, signal]) => ({ code, signal }));
  }

  /** The next line that it prints. */
  nextLine() {
    return this.#lines.next();
  }

  /** Writes a line to its stdin. */
  writeLine(line) {
    this.#process.stdin.write(`${line}\n`);
  }

  /** Its exit code, or the signal that ended it. */
  async exit() {
    const { code, signal } = await this.#exited;
    return signal ?? code;
  }

  /** What it wrote to stderr, once it has exited. */
  async stderr() {
    await this.#exited;
    return this.#stderr;
  }

  kill() {
    this.#process.kill('SIGKILL');
    return this.#exited;
  }
}

function withoutSupervisor(env) {
  const others = Object.entries(env).filter(([name]) => !name.startsWith('SERVERSWAP_'));
  return Object.fromEntries(others);
}

module.exports = { PACKAGE, Program };
