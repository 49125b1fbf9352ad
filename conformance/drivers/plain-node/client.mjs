/**
 * A server's client of the serverswap protocol in plain Node, without descriptors: every claim is a `bind`.
 *
 * It never holds the event loop and never ends a server: the end of a connection is the beginning of the next one.
 * Without a supervisor every claim is granted at once.
 *
 * Events: `waiting`, `granted` and `refused` with the claim, `takedown` with the claim and what was asked,
 * `lost` and `warning` with a code.
 */
import { EventEmitter } from 'node:events';
import net from 'node:net';

import { Fault, expect } from './fault.mjs';
import { CODES, LINE_BYTES, encode, isKnown, isRequest, known, parse } from './lines.mjs';

const ADDRESSES = 128;
const QUEUE_BYTES = 2 ** 20;
const [LOST_MS, PATIENCE_MS, RETRY_MS, REST_MS, DAY_MS] = [10_000, 5_000, 100, 1_000, 86_400_000];
/** Claims outlive a connection that ends like this. */
const ENDED = ['withdrawn', 'released', 'refused'];
const WAITED_OUT = [undefined, 'too_many_connections', 'exhausted'];

/**
 * One claim. `state`: waiting, withdrawn, held, takingDown, released or refused. `text` is the program's for the
 * address; `address` that of the grant, from then on.
 */
class Claim {
  state = 'waiting';
  serving = false;
  takedown = 0;
  since = performance.now();

  constructor(address, more) {
    this.text = address;
    this.address = address;
    this.more = more;
  }
}

export class Client extends EventEmitter {
  #info;
  #path = process.env.SERVERSWAP_SOCKET;
  #claims = new Map();
  #handled = new Set();
  #drained = new Set();
  #said = [];
  #over = '';
  #phase = 'none';
  #timer;

  constructor(info) {
    super();
    this.#info = info;
    this.#wait(0);
  }

  get supervised() {
    return Boolean(this.#path);
  }

  /** Claims an address. The claim is what the events are about. */
  readyFor(address, { more = false } = {}) {
    this.#mine();
    const before = this.#find(address);
    expect(ENDED.includes(before?.state ?? 'released'), 'already_claimed', address);
    const open = [...this.#claims.values()].filter(({ state }) => !ENDED.includes(state));
    expect(open.length < ADDRESSES, 'exhausted', `${ADDRESSES} addresses are the most`);
    const claim = new Claim(address, more);
    this.#claims.delete(before?.text);
    this.#claims.set(address, claim);
    if (!this.supervised) {
      claim.state = 'held';
      setImmediate(() => this.emit('granted', claim));
    }
    this.#ask(claim);
    return claim;
  }

  /** The accept loop of a granted address runs. */
  serving(address) {
    this.#mine();
    const claim = this.#of(address, 'held', 'takingDown');
    if (!claim.serving) {
      claim.serving = true;
      this.#say({ type: 'serving', address: claim.address });
    }
  }

  /** The program handles the takedown of an address. */
  onTakedown(address) {
    this.#mine();
    if (!this.#handled.has(address)) {
      this.#handled.add(address);
      this.#say({ type: 'onTakedown', address: this.#find(address)?.address ?? address });
    }
  }

  /** Answers the takedown; without one, gives the address up or withdraws the claim. */
  released(address) {
    const claim = this.#of(address, 'waiting', 'held', 'takingDown');
    if (claim.state === 'waiting' && !['welcome', 'open'].includes(this.#phase)) {
      this.#refuse(claim, 'withdrawn');
      return;
    }
    if (claim.state === 'waiting') {
      claim.state = 'withdrawn';
    } else {
      claim.state = 'released';
      this.#drained.add(claim.address);
    }
    const answers = claim.takedown ? { re: claim.takedown } : {};
    this.#say({ type: 'released', ...answers, address: claim.address });
  }

  /** How a drain goes. After a reconnect there is no takedown to refer to, and nothing is said. */
  progress(address, { connections, extendMs } = {}) {
    const claim = this.#of(address, 'takingDown', 'released');
    for (const [value, most] of [[connections, Number.MAX_SAFE_INTEGER], [extendMs, DAY_MS]]) {
      expect(value === undefined || (Number.isInteger(value) && value >= 0 && value <= most), 'invalid_argument');
    }
    if (claim.takedown) {
      this.#say({ type: 'progress', re: claim.takedown, connections, extendMs });
    }
  }

  serverUp() {
    this.#once({ type: 'serverUp' });
  }

  /** Gives up; what is longer than 2,048 bytes is cut off. */
  fail(reason) {
    const bytes = Buffer.from(reason).subarray(0, 2048);
    this.#once({ type: 'fail', reason: new TextDecoder().decode(bytes).replace(/\ufffd+$/, '') });
  }

  /** Drops the connection for good. */
  close() {
    this.#over = 'closed';
    clearTimeout(this.timer);
    this.#disconnect();
  }

  #failed() {
    return this.#said.some((said) => said.type === 'fail');
  }

  #mine() {
    expect(this.#over === '' && !this.#failed(), this.#over || 'failed');
  }

  /** The claim that a program means, or an arbiter by the text of its grant. */
  #find(address) {
    return this.#claims.get(address) ?? [...this.#claims.values()].find((claim) => claim.address === address);
  }

  #of(address, ...states) {
    expect(this.#over === '', this.#over);
    const claim = this.#find(address);
    expect(claim !== undefined && states.includes(claim.state), 'not_held', address);
    return claim;
  }

  #once(message) {
    expect(this.#over === '', this.#over);
    if (!this.#failed() && !this.#said.some((said) => said.type === message.type)) {
      this.#said.push(message);
      this.#say(message);
    }
  }

  #ask(claim) {
    const more = claim.more || undefined;
    this.#say({ type: 'readyFor', address: claim.address, socket: 'bind', more }, claim);
  }

  #refuse(claim, code, message) {
    claim.state = 'refused';
    this.emit('refused', claim, code, message);
  }

  /** Says something on a connection whose `hello` was said; without one the next `hello` says it. */
  #say(message, claim) {
    if (this.#phase === 'welcome' || this.#phase === 'open') {
      const { type, ...rest } = message;
      if (claim !== undefined) {
        this.lastId += 1;
        this.asked.set(this.lastId, claim);
      }
      this.#send(claim === undefined ? message : { type, id: this.lastId, ...rest });
    }
  }

  #send(message) {
    this.socket.write(encode(message));
    if (this.socket.writableLength > QUEUE_BYTES) {
      this.#lost();
    }
  }

  #wait(delay) {
    clearTimeout(this.timer);
    if (this.supervised && this.#over === '') {
      this.timer = setTimeout(() => this.#connect(), delay).unref();
    }
  }

  #connect() {
    Object.assign(this, { buffer: Buffer.alloc(0), failure: undefined });
    Object.assign(this, { asked: new Map(), lastId: 1, heard: 0 });
    this.#phase = 'greeting';
    const socket = net.connect(this.#path).unref();
    this.socket = socket;
    socket.on('connect', () => {
      this.timer = setTimeout(() => this.emit('warning', 'arbiter_not_responding'), PATIENCE_MS).unref();
    });
    socket.on('data', (data) => this.#read(socket, data));
    socket.on('error', (error) => {
      this.failure = error;
    });
    socket.on('close', () => {
      if (this.socket === socket && this.#phase !== 'none') {
        this.#ended(this.failure);
      }
    });
  }

  #ended(failure) {
    if (failure?.syscall !== 'connect') {
      this.#lost();
      return;
    }
    this.#phase = 'none';
    this.#wait(RETRY_MS);
    const nobody = failure.code !== 'EAGAIN'; // that is an arbiter that does not respond
    for (const claim of [...this.#claims.values()]) {
      if (nobody && claim.state === 'waiting' && performance.now() - claim.since >= LOST_MS) {
        this.#refuse(claim, 'supervisor_lost', 'no arbiter was found in time');
      }
    }
  }

  #disconnect() {
    this.#phase = 'none';
    clearTimeout(this.timer);
    this.socket?.destroy();
  }

  /** The connection has ended, and with it what was under way on it; `code`: of the fatal error. */
  #lost(code) {
    const wasOpen = this.#phase === 'open';
    const asked = new Set([...this.asked.values(), ...this.#claims.values()]);
    this.#disconnect();
    const pause = wasOpen ? 0 : RETRY_MS;
    this.#wait(code === undefined ? pause : REST_MS);
    if (code !== undefined) {
      this.emit('lost', code);
    }
    for (const claim of asked) {
      claim.since = performance.now();
      claim.takedown = 0;
      if (claim.state === 'withdrawn' || (claim.state === 'waiting' && this.#failed())) {
        this.#refuse(claim, 'withdrawn');
      } else if (claim.state === 'waiting' && !WAITED_OUT.includes(code)) {
        this.#refuse(claim, code);
      }
    }
  }

  #read(socket, data) {
    this.buffer = Buffer.concat([this.buffer, data]);
    try {
      for (let end; this.#phase !== 'none' && this.socket === socket && (end = this.buffer.indexOf(10)) >= 0; ) {
        const line = this.buffer.subarray(0, end);
        this.buffer = this.buffer.subarray(end + 1);
        this.#handle(parse(line));
      }
      expect(this.buffer.length < LINE_BYTES, 'line_too_long');
    } catch (fault) {
      this.#breakOff(fault);
    }
  }

  /** Tells the arbiter what it did wrong and leaves it. */
  #breakOff({ code = 'internal', message }) {
    const { socket } = this;
    const line = encode({ type: 'error', code, message: message.slice(0, 500), fatal: true });
    this.socket = undefined;
    socket.end(line, () => socket.destroy());
    socket.resume();
    this.#lost(code);
  }

  #handle(line) {
    const { type, id = 0 } = line;
    if (id > 0 && isRequest(type)) {
      expect(id > this.heard, 'id_reused', `\`id\` ${id} after ${this.heard}`);
      this.heard = id;
    }
    if (!isKnown(type) && id === 0) {
      return;
    }
    let message;
    try {
      expect(isKnown(type), 'unknown_type', `\`${type.slice(0, 100)}\` is not known`);
      message = known(line);
    } catch (fault) {
      if (id === 0) {
        throw fault;
      }
      expect(this.#phase === 'open', 'out_of_order', `\`${type.slice(0, 100)}\` before \`welcome\``);
      this.#say({ type: 'error', re: id, code: fault.code, message: fault.message.slice(0, 500), fatal: false });
      return;
    }
    if (type === 'error' && message.fatal) {
      this.#lost(CODES.has(message.code) ? message.code : 'internal');
      return;
    }
    const awaited = ['greeting', 'welcome'].includes(type) ? type : 'open';
    expect(this.#phase === awaited, 'out_of_order', `\`${type}\` is not awaited`);
    this.#obey(type, message);
  }

  #obey(type, message) {
    if (type === 'greeting') {
      this.#hello(message.versions);
    } else if (type === 'welcome') {
      expect(message.re === 1 && message.version === 1, 'out_of_order', '`welcome` answers another `hello`');
      this.#phase = 'open';
      clearTimeout(this.timer);
    } else if (type === 'ping') {
      this.#say({ type: 'pong', re: message.id });
    } else if (type === 'takedown') {
      this.#takeDown(message);
    } else if (message.re !== undefined && ['granted', 'progress', 'error'].includes(type)) {
      this.#answered(type, message);
    }
  }

  /** Says what is held, and then what is under way. */
  #hello(versions) {
    expect(versions.includes(1), 'version_unsupported', `${versions.slice(0, 9)} is offered, 1 is spoken`);
    const held = [...this.#claims.values()].filter(({ state }) => state === 'held' || state === 'takingDown');
    const generation = process.env.SERVERSWAP_GENERATION ?? '';
    const draining = this.#drained.size > 0 ? [...this.#drained].slice(0, ADDRESSES) : undefined;
    const holding = held.map((claim) => ({
      address: claim.address,
      serving: claim.serving,
      onTakedown: this.#handled.has(claim.text) || this.#handled.has(claim.address),
    }));
    const who = { version: 1, client: this.#info, role: 'server', generation };
    this.#send({ type: 'hello', id: 1, ...who, draining, holding });
    this.#phase = 'welcome';
    for (const address of this.#handled) {
      if (!held.includes(this.#find(address))) {
        this.#say({ type: 'onTakedown', address });
      }
    }
    [...this.#claims.values()].filter(({ state }) => state === 'waiting').forEach((claim) => this.#ask(claim));
    this.#said.forEach((said) => this.#say(said));
  }

  #takeDown({ id, address, reason, drainMs }) {
    const claim = this.#find(address);
    if (claim?.state === 'released') {
      claim.takedown = id;
    }
    if (claim?.state !== 'held' && claim?.state !== 'takingDown') {
      this.#say({ type: 'released', re: id, address });
      return;
    }
    expect(claim.takedown === 0, 'out_of_order', 'a second `takedown`');
    const told = claim.state === 'takingDown';
    Object.assign(claim, { state: 'takingDown', takedown: id });
    if (!told) {
      this.emit('takedown', claim, { reason: reason === 'stopping' ? reason : 'replaced', drainMs });
    }
  }

  #answered(type, { re, address, waitingFor, code, message, fds = [] }) {
    const claim = this.asked.get(re);
    expect(claim !== undefined, 'out_of_order', `\`${type}\` answers ${re}, which is not asked`);
    if (type === 'progress') {
      if (claim.state === 'waiting') {
        this.emit('waiting', claim, waitingFor);
      }
      return;
    }
    this.asked.delete(re);
    expect(!fds.includes('listener'), 'descriptor_mismatch', 'a listener for a claim to bind');
    if (type === 'error') {
      this.#refuse(claim, CODES.has(code) ? code : 'internal', message);
    } else if (claim.state === 'withdrawn') {
      this.#refuse(claim, 'withdrawn');
    } else {
      Object.assign(claim, { state: 'held', address });
      this.#drained.delete(address);
      this.emit('granted', claim);
    }
  }
}
