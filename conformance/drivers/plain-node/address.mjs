/** Where one listens for an address. */

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
