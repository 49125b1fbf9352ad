'use strict';

/**
 * Answers a request with `Connection: close`, so that its connection ends with the answer.
 *
 * The header is added when the headers are written, the last moment that is possible: whatever
 * the program set before is overruled, and a request that arrived in the meantime on the same
 * connection (pipelining) gets its answer first. A 101 is left alone.
 */

/**
 * @param {import('node:http').ServerResponse} response
 * @param {() => boolean} isLast asked when the headers are written: whether no later request
 *   of the same connection waits for its answer
 */
function closeAfterResponse(response, isLast) {
  if (response.headersSent) {
    return;
  }
  const { writeHead } = response;
  response.writeHead = function (status, ...rest) {
    const closes = status !== 101 && !this.headersSent && isLast();
    return writeHead.call(this, status, ...(closes ? closing(this, rest) : rest));
  };
}

/** The arguments of `writeHead` behind the status, with the header in them. */
function closing(response, rest) {
  response.setHeader('Connection', 'close');
  const headers = rest.at(-1);
  if (typeof headers !== 'object' || headers === null) {
    return rest;
  }
  return [...rest.slice(0, -1), replaced(headers)];
}

function replaced(headers) {
  if (!Array.isArray(headers)) {
    const others = Object.entries(headers).filter(([name]) => !isConnection(name));
    return { ...Object.fromEntries(others), Connection: 'close' };
  }
  if (Array.isArray(headers[0])) {
    return [...headers.filter(([name]) => !isConnection(name)), ['Connection', 'close']];
  }
  const others = headers.filter((_, index) => !isConnection(headers[index - (index % 2)]));
  return [...others, 'Connection', 'close'];
}

function isConnection(name) {
  return String(name).toLowerCase() === 'connection';
}

module.exports = { closeAfterResponse };
