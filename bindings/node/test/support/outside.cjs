'use strict';

/** What `test/outside/install.mjs` has installed: other versions of Node and other runtimes, frameworks, a bundler. */
const fs = require('node:fs');
const { createRequire } = require('node:module');
const path = require('node:path');

const FOLDER = path.join(__dirname, '..', 'outside');
const MODULES = path.join(FOLDER, 'node_modules');

/** The command line of each runtime, but for the program. */
const RUNTIMES = {
  'Node, lowest': [path.join(MODULES, 'node-lowest', 'bin', 'node')],
  'Node, newest': [path.join(MODULES, 'node-newest', 'bin', 'node')],
  Bun: [path.join(MODULES, 'bun-runtime', 'bin', 'bun')],
  Deno: [path.join(MODULES, 'deno-runtime', 'deno'), 'run', '--allow-all'],
};

/** Why a test of a runtime is skipped: false on x64 with glibc, for which they are installed. */
const skipped = fs.existsSync(RUNTIMES.Deno[0]) ? false : `the other runtimes are not installed for ${process.arch}`;

/** `require` of what is installed there. */
const outside = createRequire(path.join(FOLDER, 'package.json'));

module.exports = { RUNTIMES, outside, skipped };
