/** Addresses: their canonical text, and where one listens for them. */
import net from 'node:net';

import { Fault } from './fault.mjs';

const NAME = /^[A-Za-z][A-Za-z0-9._-]{0,254}$/;
const INTERNET = /^(?:(udp:)?(\[[^\]%]*\]|[0-9.]*):)?([1-9][0-9]{0,4})$/;

/**
 * @param {unknown} text
 * @returns {string} the canonical text
 */
export function canonical(text) {
  if (typeof text !== 'string') {
    throw new Fault('invalid_message', 'an address is a text');
  }
  if (NAME.test(text)) {
    return text;
  }
  const found = text.startsWith('unix:') ? unix(text.slice(5)) : internet(text);
  if (found === undefined) {
    throw new Fault('invalid_address', `no address: ${text.slice(0, 200)}`);
  }
  return found;
}

function unix(path) {
  const parts = path.split('/');
  const short = parts
    .filter((part) => part !== '' && part !== '.')
    .map((part) => `/${part}`)
    .join('');
  const absolute = parts[0] === '' && parts.at(-1) !== '' && short !== '';
  const possible = absolute && !parts.includes('..') && !short.includes('\0') && Buffer.byteLength(short) <= 107;
  return possible ? `unix:${short}` : undefined;
}

function internet(text) {
  const [, udp = '', host = '', port] = INTERNET.exec(text) ?? [];
  if (port === undefined || Number(port) > 65535) {
    return undefined;
  }
  if (host.startsWith('[')) {
    const ip = host.slice(1, -1);
    return net.isIPv6(ip) ? `${udp}[${ipv6(ip)}]:${port}` : undefined;
  }
  return host === '' || net.isIPv4(host) ? `${udp}${host}:${port}` : undefined;
}

/** As RFC 5952 has it; `URL` does all of that but the form of mapped IPv4 addresses. */
function ipv6(ip) {
  const short = new URL(`http://[${ip}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]+):([0-9a-f]+)$/.exec(short);
  if (mapped === null) {
    return short;
  }
  const [high, low] = mapped.slice(1).map((part) => parseInt(part, 16));
  return `::ffff:${[high >> 8, high & 255, low >> 8, low & 255].join('.')}`;
}

/**
 * What `server.listen` takes for a canonical address; undefined for a name or UDP, which has no stream socket.
 *
 * @param {string} address
 */
export function toListen(address) {
  if (address.startsWith('unix:')) {
    return { path: address.slice(5) };
  }
  const colon = address.lastIndexOf(':');
  if (colon < 0 || address.startsWith('udp:')) {
    return undefined;
  }
  const [host, port] = [address.slice(0, colon), Number(address.slice(colon + 1))];
  return host.startsWith('[')
    ? { host: host.slice(1, -1), port, ipv6Only: true }
    : { host: host === '' ? '::' : host, port };
}
