'use strict';

/**
 * Adds `Connection: close` to a response, so that its connection ends with it.
 *
 * The header is added when the headers are written, at the last possible moment: it overrides what the program
 * has set before, and a request that arrived in the meantime on the same connection (pipelining) gets its
 * response first. A 101 stays as it is.
 */
const { lingerAfterResponse } = require('./linger-after-response.cjs');

/**
 * @param {import('node:http').IncomingMessage} request
 * @param {import('node:http').ServerResponse} response
 * @param {() => boolean} isLast called when the headers are written: whether no later request
 *   of the same connection waits for its response
 */
function closeAfterResponse(request, response, isLast) {
  if (response.headersSent) {
    return;
  }
  const { writeHead } = response;
  response.writeHead = function (status, ...rest) {
    const closes = status !== 101 && !this.headersSent && isLast();
    if (closes) {
      lingerAfterResponse(request);
    }
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
