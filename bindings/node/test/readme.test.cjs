'use strict';

/** The programs that the READMEs show, each deployed as it stands but for its port. */
const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');

const { built } = require('./support/installation.cjs');
const { Lines } = require('./support/lines.cjs');
const { freePort } = require('./support/port.cjs');
const { PACKAGE } = require('./support/program.cjs');
const { temporaryDirectory } = require('./support/scene.cjs');

const READMES = [path.join(PACKAGE, '..', '..', 'README.md'), path.join(PACKAGE, 'README.md')];

const programs = READMES.flatMap((readme) => {
  const blocks = fs.readFileSync(readme, 'utf8').matchAll(/^```js\n(.*?)^```$/gms);
  return [...blocks].map(([, source], index) => ({ name: `${path.relative(PACKAGE, readme)}, program ${index + 1}`, source }));
});

for (const { name, source } of programs) {
  test(`${name} serves once it is deployed, and again when it is deployed again`, async (t) => {
    const [folder, directory, port] = [temporaryDirectory(t), temporaryDirectory(t), await freePort()];
    fs.mkdirSync(path.join(folder, 'node_modules'));
    fs.symlinkSync(PACKAGE, path.join(folder, 'node_modules', 'serverswap'));
    const file = path.join(folder, /^import /m.test(source) ? 'server.mjs' : 'server.cjs');
    fs.writeFileSync(file, source.replaceAll('8080', port));
    const deploy = async () => {
      const command = spawn(path.join(built(), 'serverswap-deploy'), [process.execPath, file], {
        env: { ...process.env, SERVERSWAP_DIR: directory },
        stdio: ['ignore', 'inherit', 'pipe'],
      });
      t.after(() => command.kill());
      const lines = new Lines(command.stderr);
      while (!(await lines.next()).includes('up after'));
      assert.equal(await (await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } })).text(), 'Hello\n');
      return command;
    };
    const replaced = once(await deploy(), 'exit');
    const serving = await deploy();
    assert.deepEqual(await replaced, [0, null]);
    serving.kill();
    await once(serving, 'exit');
  });
}

test('the READMEs show programs', () => assert.ok(programs.length >= 5, `${programs.length}`));
