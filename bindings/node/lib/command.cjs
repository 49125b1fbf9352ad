'use strict';

/**
 * Replaces Node with one of the native commands, so that no Node process stays beside the server.
 *
 * `npm install` in a project links the commands of the platform package. This runs only where npm links those of
 * the main package alone: in an installation with `-g`, and for `npx` without one.
 */
const path = require('node:path');

const C_LIBRARIES = ['gnu', 'musl'];
const STATUS_NOT_STARTED = 125;

/** @param {'serverswap' | 'serverswap-deploy'} name */
function run(name) {
  const platforms = C_LIBRARIES.map((library) => `@serverswap/${process.platform}-${process.arch}-${library}`);
  const problems = platforms.map((platform) => become(name, platform));
  console.error(`error: no \`${name}\` for ${process.platform} ${process.arch} could be started; nothing was changed`);
  console.error(problems.map((problem) => `  ${problem}`).join('\n'));
  console.error('hint: npm install serverswap, with its optional dependencies');
  process.exit(STATUS_NOT_STARTED);
}

/** Does not return if it succeeds; otherwise returns the reason. One file is both commands, by the name it is started with. */
function become(name, platform) {
  try {
    const { becomeCommand } = require(platform);
    const file = path.join(path.dirname(require.resolve(`${platform}/package.json`)), 'serverswap');
    return becomeCommand(file, [name, ...process.argv.slice(2)]);
  } catch (error) {
    return `${platform}: ${error.message.split('\n', 1)[0]}`;
  }
}

module.exports = { run };
