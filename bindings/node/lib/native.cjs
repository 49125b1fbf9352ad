'use strict';

/**
 * Loads the native addon: the file that `build.mjs` puts beside this package, or else the one
 * of the platform package that npm installed. There is one for Linux only.
 *
 * The C library of the system is not detected: an addon for the other one does not load, and the next
 * candidate is tried. When none loads, the error gives the reason for each.
 */
const { existsSync } = require('node:fs');
const path = require('node:path');

const { ServerSwapError } = require('./error.cjs');

const C_LIBRARIES = ['gnu', 'musl'];

const HINT_INSTALLED =
  'hint: `npm install` must not omit optional dependencies; in a clone run `node bindings/node/build.mjs`';
const HINT_BUNDLED =
  'hint: keep serverswap external to the bundle, and installed: `esbuild --external:serverswap`, `external` of Rollup ' +
  'and Vite, `externals` of webpack, `serverExternalPackages` of Next.js';

module.exports = process.platform === 'linux' ? load() : require('./without-addon.cjs');

function load() {
  const problems = [];
  for (const candidate of candidates()) {
    try {
      return require(candidate);
    } catch (error) {
      problems.push({ candidate, error });
    }
  }
  throw notLoaded(problems);
}

function candidates() {
  const platforms = C_LIBRARIES.map((library) => `${process.platform}-${process.arch}-${library}`);
  const built = platforms
    .map((platform) => path.join(__dirname, '..', `serverswap.${platform}.node`))
    .filter((file) => existsSync(file));
  return [...built, ...platforms.map((platform) => `@serverswap/${platform}`)];
}

function notLoaded(problems) {
  const reasons = problems.map(({ candidate, error }) => `  ${candidate}: ${firstLine(error)}`);
  const message = [
    `no native addon for ${process.platform} ${process.arch} could be loaded`,
    ...reasons,
    isBundled() ? HINT_BUNDLED : HINT_INSTALLED,
  ].join('\n');
  return new ServerSwapError('addon_not_loaded', message, { cause: problems[0]?.error });
}

/** A bundler has put this module into another file, which is not where the addon is. */
function isBundled() {
  return !existsSync(path.join(__dirname, 'native.cjs'));
}

function firstLine(error) {
  return String(error?.message ?? error).split('\n', 1)[0];
}
