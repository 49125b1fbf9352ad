'use strict';

/** A test with an arbiter, a server program and a directory of its own, all cleared away at its end. */
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const { Arbiter } = require('./arbiter.cjs');
const { Program } = require('./program.cjs');

function temporaryDirectory(t) {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'serverswap-node-'));
  t.after(() => fs.rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/**
 * @param {string} source of the program; `SOCKET` in it is the path of a Unix socket, `ADDRESS` the
 *   address of that
 */
async function scene(t, source, { flags } = {}) {
  const directory = temporaryDirectory(t);
  const socket = path.join(directory, 'app.sock');
  const address = `unix:${socket}`;
  const arbiter = await Arbiter.start(directory);
  t.after(() => arbiter.stop());
  const names = `const SOCKET = ${JSON.stringify(socket)}, ADDRESS = ${JSON.stringify(address)};`;
  const program = new Program(names + source, { env: arbiter.environment, flags });
  t.after(() => program.kill());
  return { arbiter, program, socket, address };
}

module.exports = { scene, temporaryDirectory };
