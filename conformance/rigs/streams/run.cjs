'use strict';

/**
 * What the clients of long streams see of a deploy: websockets that come back at an even pace, answers that go on, and
 * requests of which none is lost.
 *
 * usage: node conformance/rigs/streams/run.cjs NAME=COMMAND…
 *
 * For each server: version 1 is started, `WEBSOCKETS` clients connect, `LOADS` others ask all the time, one reads an answer that flows
 * for twice the drain. Then version 2 is deployed. The status is 1 if one of the promises is not kept. SERVERSWAP_BIN_DIR has the commands.
 */
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const readline = require('node:readline');

const REPOSITORY = path.join(__dirname, '..', '..', '..');
const { WebSocket } = require(path.join(REPOSITORY, 'bindings/node/test/outside/node_modules/ws'));
const BINARIES = process.env.SERVERSWAP_BIN_DIR ?? path.join(REPOSITORY, 'target/release');

const WEBSOCKETS = 1_000;
const LOADS = 16;
const DRAIN_MS = 10_000;
const STREAM_MS = 3 * DRAIN_MS;
const ANSWER_MS = 2 * DRAIN_MS;
/** A twentieth, and what the clocks and the processor add to it. */
const SHARE_MAX = 0.055;
const SERVICE_RESTART = 1012;
const LIMIT_MS = 120_000;

async function main(named) {
  let isKept = true;
  console.log(`${WEBSOCKETS} websockets, ${LOADS} clients that ask all the time, an answer of ${ANSWER_MS / 1_000} s; drain ${DRAIN_MS / 1_000} s, for streams ${STREAM_MS / 1_000} s`);
  for (const [name, command] of named) {
    const measured = await measure(command.split(' '));
    isKept &&= measured.isKept;
    console.log(`${name}: ${measured.text}`);
  }
  process.exitCode = isKept ? 0 : 1;
}

async function measure(command) {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'streams-'));
  const port = await freePort();
  const started = [];
  const deploy = (version) => {
    const deployed = new Deployed(command, { directory, port, version });
    started.push(deployed);
    return deployed.isUp;
  };
  try {
    await deploy('1');
    const [websockets, load] = [new WebSockets(port), new Load(port)];
    await websockets.connected;
    const answer = answered(port);
    await load.hasAsked;
    await deploy('2');
    await websockets.returned;
    const { isComplete, text } = await answer;
    await load.stop();
    return judged({ ...websockets.spread(), isComplete, text, ...load });
  } finally {
    for (const deployed of started.reverse()) {
      await deployed.stop();
    }
    fs.rmSync(directory, { recursive: true, force: true });
  }
}

function judged({ share, seconds, codes, isComplete, text, asked, failed }) {
  const told = codes.get(SERVICE_RESTART) ?? 0;
  const percent = (part) => `${(part * 100).toFixed(1)} %`;
  return {
    isKept: share <= SHARE_MAX && told === WEBSOCKETS && isComplete && failed === 0,
    text:
      `at most ${percent(share)} of the websockets came back in any 5 % of ${seconds.toFixed(1)} s, ${told} were told 1012; ` +
      `the answer was ${isComplete ? 'finished' : `cut after ${text.length} bytes`}; ${asked} requests, ${failed} failed`,
  };
}

/** One `serverswap-deploy` with its server. */
class Deployed {
  constructor(command, { directory, port, version }) {
    const options = ['--drain-timeout', `${DRAIN_MS}ms`, '--drain-stream-timeout', `${STREAM_MS}ms`, '--probation', '0'];
    this.process = spawn(path.join(BINARIES, 'serverswap-deploy'), [...options, ...command], {
      env: { ...process.env, SERVERSWAP_DIR: directory, XDG_STATE_HOME: directory, ADDRESS: `:${port}`, VERSION: version },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.ended = once(this.process, 'exit');
    this.isUp = this.#up();
  }

  async #up() {
    const lines = [];
    for await (const line of readline.createInterface(this.process.stderr)) {
      lines.push(line);
      if (line.includes('up after')) {
        this.process.stderr.resume();
        return;
      }
    }
    throw new Error(`it does not come up:\n${lines.join('\n')}`);
  }

  async stop() {
    this.process.kill('SIGINT');
    const overdue = setTimeout(() => this.process.kill('SIGKILL'), STREAM_MS);
    await this.ended;
    clearTimeout(overdue);
  }
}

/** Clients that connect again when they are told goodbye, once. */
class WebSockets {
  #port;
  #closed = [];
  #codes = new Map();

  constructor(port) {
    this.#port = port;
    const clients = Array.from({ length: WEBSOCKETS }, () => this.#connect());
    this.connected = Promise.all(clients.map(([opened]) => opened));
    this.returned = Promise.all(clients.map(([, closed]) => closed.then(() => this.#returns())));
  }

  #connect() {
    const client = new WebSocket(`ws://127.0.0.1:${this.#port}/ws`);
    client.on('error', () => {});
    const opened = new Promise((resolve, reject) => client.once('open', resolve).once('close', reject));
    const closed = new Promise((resolve) => client.once('close', resolve)).then((code) => {
      this.#closed.push(performance.now());
      this.#codes.set(code, (this.#codes.get(code) ?? 0) + 1);
    });
    return [opened, closed];
  }

  async #returns() {
    const client = new WebSocket(`ws://127.0.0.1:${this.#port}/ws`);
    await once(client, 'open');
    client.terminate();
  }

  /** The largest part of them that was closed in any twentieth of the time in which they were. */
  spread() {
    const times = this.#closed.sort((a, b) => a - b);
    const window = times.at(-1) - times[0];
    const within = times.map((from) => times.filter((at) => at >= from && at < from + window / 20).length);
    return { share: Math.max(...within) / times.length, seconds: window / 1_000, codes: this.#codes };
  }
}

/** Clients that ask as fast as they are answered, on connections that they keep while they may. Nothing is asked again. */
class Load {
  asked = 0;
  failed = 0;
  #stopped = false;
  #clients;

  constructor(port) {
    this.hasAsked = new Promise((resolve) => (this.asks = resolve));
    this.#clients = Array.from({ length: LOADS }, () => this.#client(port));
  }

  async stop() {
    this.#stopped = true;
    await Promise.all(this.#clients);
  }

  async #client(port) {
    while (!this.#stopped) {
      const socket = net.connect(port, '127.0.0.1').setEncoding('latin1');
      let heard = () => {};
      socket.on('error', () => {}).on('data', (text) => heard(text)).on('close', () => heard(''));
      let isLast = false;
      while (!isLast && !this.#stopped) {
        const answered = new Promise((resolve) => (heard = resolve));
        socket.write('GET / HTTP/1.1\r\nHost: rig\r\n\r\n');
        const answer = await answered;
        this.asked += 1;
        this.asks();
        this.failed += answer.startsWith('HTTP/1.1 200') ? 0 : 1;
        isLast = !answer.startsWith('HTTP/1.1 200') || /^connection: close/im.test(answer);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      socket.destroy();
    }
  }
}

/** An answer of server-sent events as a language model gives it, to a client that does not come back. */
function answered(port) {
  return new Promise((resolve) => {
    const request = http.request({ port, host: '127.0.0.1', method: 'POST', path: `/answer?ms=${ANSWER_MS}` });
    request.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part) => (text += part));
      response.on('error', () => {});
      response.on('close', () => resolve({ isComplete: response.complete && text.endsWith('data: [DONE]\n\n'), text }));
    });
    request.on('error', () => resolve({ isComplete: false, text: '' })).end();
  });
}

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

setTimeout(() => {
  console.error(`error: not over after ${LIMIT_MS / 1_000} s`);
  process.exit(1);
}, LIMIT_MS * process.argv.slice(2).length).unref();

main(process.argv.slice(2).map((argument) => argument.split(/=(.*)/s)));
