/** Lines: from bytes to the messages of an arbiter, and from messages to bytes. No socket, no order of messages. */
import { Fault, expect } from './fault.mjs';

export const LINE_BYTES = 65536;
const FDS_PER_LINE = 128;

export const CODES = new Set(
  ('malformed_line line_too_long invalid_message not_negotiated version_unsupported not_permitted ' +
    'other_pid_namespace invalid_address unknown_type descriptor_mismatch out_of_order id_reused too_many_connections ' +
    'not_inheritable already_claimed superseded address_in_use address_not_permitted address_not_available ' +
    'state_not_written exhausted stopping withdrawn internal').split(' '),
);

const whole = (most) => (value) => check(Number.isInteger(value) && value >= 0 && value <= most, value);
const [number, small] = [whole(Number.MAX_SAFE_INTEGER), whole(2 ** 32 - 1)];
const text = (value) => check(typeof value === 'string', value);
const flag = (value) => check(typeof value === 'boolean', value);
const one = (...values) => (value) => check(values.includes(value), value);
const list = (inner) => (value) => check(Array.isArray(value), value).map(inner);
const object = (fields) => (value) => read(fields, check(isObject(value), value));
const capabilities = (value) => {
  return check(isObject(value) && Object.values(value).every(isObject), value);
};

/** What an arbiter says. A field that may be left out has a `?`. */
const FIELDS = {
  greeting: {
    versions: list(small),
    arbiter: object({ name: text, version: text, pid: small }),
    'capabilities?': capabilities,
    limits: object({ lineBytes: small, fdsPerLine: small }),
  },
  welcome: { re: number, version: small, 'generation?': text, 'capabilities?': capabilities },
  granted: { re: number, address: text, 'fds?': list(text) },
  takedown: { id: number, address: text, reason: text, drainMs: number },
  progress: { re: number, 'waitingFor?': text, 'connections?': number, 'extendMs?': number },
  event: {
    what: text,
    generation: text,
    'address?': text,
    'pid?': small,
    'connections?': number,
    'remainingMs?': number,
    'code?': text,
    'message?': text,
    'fds?': list(text),
  },
  verdict: { re: number, verdict: one('end', 'keep') },
  ping: { id: number },
  pong: { re: number },
  error: { 're?': number, code: text, message: text, 'fatal?': flag },
};
const LEFT_OUT = { 'capabilities?': {}, 'fatal?': false };

function check(truth, value) {
  if (!truth) {
    throw new Fault('invalid_message', `${String(JSON.stringify(value)).slice(0, 50)} is impossible`);
  }
  return value;
}

function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function read(fields, value) {
  const known = {};
  for (const [key, inner] of Object.entries(fields)) {
    const name = key.replace('?', '');
    expect(Object.hasOwn(value, name) || key !== name, 'invalid_message', `\`${name}\` is missing`);
    if (Object.hasOwn(value, name)) {
      known[name] = inner(value[name]);
    } else if (Object.hasOwn(LEFT_OUT, key)) {
      known[name] = LEFT_OUT[key];
    }
  }
  return known;
}

/**
 * @param {Uint8Array} line without its line feed
 * @returns {Record<string, unknown>} its object; the reserved keys have possible values
 * @throws {Fault} `malformed_line`, `line_too_long`
 */
export function parse(line) {
  expect(line.length < LINE_BYTES, 'line_too_long');
  let message;
  try {
    message = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(line));
  } catch (error) {
    throw new Fault('malformed_line', error.message);
  }
  expect(isObject(message), 'malformed_line', 'no object');
  const { type, ext = {}, fds = [] } = message;
  const numbers = ['id', 're'].filter((key) => Object.hasOwn(message, key)).map((key) => message[key]);
  expect(typeof type === 'string' && isObject(ext), 'malformed_line', '`type` or `ext` is impossible');
  expect(numbers.every((each) => Number.isInteger(each) && each > 0), 'malformed_line', '`id` or `re` is impossible');
  const texts = Array.isArray(fds) && fds.every((each) => typeof each === 'string');
  const distinct = texts && new Set(fds).size === fds.length && fds.length <= FDS_PER_LINE;
  expect(distinct, 'malformed_line', '`fds` is impossible');
  return message;
}

/** Whether this version knows messages of this type. */
export function isKnown(type) {
  return Object.hasOwn(FIELDS, type);
}

/** Whether it is a request. */
export function isRequest(type) {
  return !isKnown(type) || Object.hasOwn(FIELDS[type], 'id');
}

/**
 * @param {Record<string, unknown>} message of a known type
 * @returns {Record<string, any>} with the keys that are known
 * @throws {Fault} `invalid_message`, `invalid_address`
 */
export function known(message) {
  return { type: message.type, ...read(FIELDS[message.type], message) };
}

/** The line of a message, with its line feed. */
export function encode(message) {
  return Buffer.from(`${JSON.stringify(message)}\n`);
}
