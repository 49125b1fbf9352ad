'use strict';

/**
 * The one class of error that this package throws, and the abort error of Node's convention.
 *
 * `code` is for programs, the message is for people. The codes that an arbiter sends are listed
 * in `spec/README.md`; those of this package are in its README.
 */
class ServerSwapError extends Error {
  /**
   * @param {string} code for example `address_in_use`
   * @param {string} message what happened and what is still true
   * @param {ErrorOptions} [options] the cause, if there is one
   */
  constructor(code, message, options) {
    super(message, options);
    this.code = code;
  }
}

Object.defineProperty(ServerSwapError.prototype, 'name', {
  value: 'ServerSwapError',
  configurable: true,
  writable: true,
});

/** For an argument of a wrong kind: a mistake in the program, always thrown at once. */
function wrongArgument(message) {
  return new ServerSwapError('invalid_argument', message);
}

/** The error that Node's own functions reject with when their `AbortSignal` is aborted. */
function abortError(signal) {
  const error = new Error('the claim was withdrawn because its signal was aborted', { cause: signal.reason });
  error.name = 'AbortError';
  error.code = 'ABORT_ERR';
  return error;
}

module.exports = { ServerSwapError, abortError, wrongArgument };
