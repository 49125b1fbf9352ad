'use strict';

/** Checks options: a value of a wrong kind and an unknown name are thrown at once. */
const { wrongArgument } = require('./error.cjs');

const KINDS = {
  boolean: (value) => typeof value === 'boolean',
  function: (value) => typeof value === 'function',
  count: (value) => Number.isSafeInteger(value) && value >= 0,
  AbortSignal: (value) => typeof value?.addEventListener === 'function' && 'aborted' in value,
  'number of milliseconds': (value) => Number.isFinite(value) && value >= 0,
  "'auto' or 'manual'": (value) => value === 'auto' || value === 'manual',
};

/**
 * @param {unknown} options as the caller passed them
 * @param {Record<string, string>} shape name of an option -> its kind, a key of KINDS
 * @throws {ServerSwapError} `invalid_argument`
 */
function checkOptions(options, shape) {
  if (typeof options !== 'object' || options === null) {
    throw wrongArgument(`options must be an object, not ${options === null ? 'null' : typeof options}`);
  }
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(shape, name)) {
      throw wrongArgument(`unknown option \`${name}\`; known are ${Object.keys(shape).join(', ')}`);
    }
    if (value !== undefined && !KINDS[shape[name]](value)) {
      throw wrongArgument(`the option \`${name}\` must be: ${shape[name]}`);
    }
  }
  return options;
}

module.exports = { checkOptions };
