'use strict';

/** A program that is deployed as a person does it: a file in an empty folder, the package installed, the real command. */
const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');

const { built } = require('./installation.cjs');
const { Lines } = require('./lines.cjs');
const { freePort } = require('./port.cjs');
const { PACKAGE } = require('./program.cjs');
const { temporaryDirectory } = require('./scene.cjs');

/** A folder as `npm install serverswap` leaves it. */
function projectFolder(t) {
  const folder = temporaryDirectory(t);
  fs.mkdirSync(path.join(folder, 'node_modules'));
  fs.symlinkSync(PACKAGE, path.join(folder, 'node_modules', 'serverswap'));
  fs.writeFileSync(path.join(folder, 'package.json'), '{ "dependencies": { "serverswap": "*" } }');
  return folder;
}

/**
 * Deploys a program twice: it must answer `Hello` each time, and the first deploy must end as replaced.
 *
 * @param {{ name: string, source: string, runtime?: string[] }} program its file, its text with the port 8080, and
 *   the command line of what runs it
 */
async function deployTwice(t, { name, source, runtime = [process.execPath] }) {
  const [folder, directory, port] = [projectFolder(t), temporaryDirectory(t), await freePort()];
  const file = path.join(folder, name);
  fs.writeFileSync(file, source.replaceAll('8080', port));
  const deploy = async () => {
    const command = spawn(path.join(built(), 'serverswap-deploy'), [...runtime, file], {
      env: { ...process.env, SERVERSWAP_DIR: directory, XDG_STATE_HOME: directory },
      stdio: ['ignore', 'inherit', 'pipe'],
    });
    t.after(() => command.kill());
    await isUp(new Lines(command.stderr));
    const answer = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } });
    assert.match(await answer.text(), /^Hello/);
    return command;
  };
  const replaced = once(await deploy(), 'exit');
  const serving = await deploy();
  assert.deepEqual(await replaced, [0, null]);
  serving.kill();
  await once(serving, 'exit');
}

/** @throws {Error} the command ends before; with what it has written */
async function isUp(lines) {
  const written = [];
  while (!written.at(-1)?.includes('up after')) {
    written.push(
      await lines.next().catch(() => {
        throw new Error(`the deploy has failed:\n${written.join('\n')}`);
      }),
    );
  }
}

module.exports = { deployTwice, projectFolder };
