'use strict';

/**
 * Runs one of the native commands in place of this process.
 *
 * Node 22.15 and newer become the command (`process.execve`), and nothing of Node stays. Older ones
 * start it, pass on the signals that it knows, and end as it does.
 */
const { spawn } = require('node:child_process');
const { constants } = require('node:os');
const path = require('node:path');

const C_LIBRARIES = ['gnu', 'musl'];
const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'];
const STATUS_NOT_STARTED = 125;

/** @param {'serverswap' | 'serverswap-deploy'} name */
function run(name) {
  const file = find(name);
  if (file === undefined) {
    console.error(`error: no \`${name}\` for ${process.platform} ${process.arch} is installed; nothing was started`);
    console.error('hint: npm install serverswap, without leaving out optional dependencies');
    process.exit(STATUS_NOT_STARTED);
  }
  const args = process.argv.slice(2);
  if (typeof process.execve === 'function') {
    process.execve(file, [name, ...args]);
  }
  follow(spawn(file, args, { stdio: 'inherit', argv0: name }), file);
}

function find(name) {
  for (const library of C_LIBRARIES) {
    const platform = `@serverswap/${process.platform}-${process.arch}-${library}`;
    try {
      return path.join(path.dirname(require.resolve(`${platform}/package.json`)), name);
    } catch {
      // The package of another platform is not installed.
    }
  }
  return undefined;
}

function follow(child, file) {
  const forward = SIGNALS.map((signal) => [signal, () => child.kill(signal)]);
  forward.forEach(([signal, listener]) => process.on(signal, listener));
  child.on('error', (error) => {
    console.error(`error: ${file} could not be started: ${error.message}`);
    process.exit(STATUS_NOT_STARTED);
  });
  child.on('exit', (status, signal) => process.exit(status ?? 128 + constants.signals[signal]));
}

module.exports = { run };
