'use strict';

/** What the tests run besides Node is installed whole, or the next run begins again. npm is a stand-in. */
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');

const { run } = require('./support/installation.cjs');
const { skipped } = require('./support/outside.cjs');

const OUTSIDE = path.join(__dirname, 'outside');
const RUNTIMES = Object.keys(require('./outside/package.json').optionalDependencies);

/** A folder with `install.mjs` and its lists, where npm downloads some packages and then ends with a status. */
class Folder {
  #path = fs.mkdtempSync(path.join(os.tmpdir(), 'serverswap-outside-'));

  constructor(t) {
    t.after(() => fs.rmSync(this.#path, { recursive: true }));
    for (const name of ['install.mjs', 'package.json', 'package-lock.json']) {
      fs.copyFileSync(path.join(OUTSIDE, name), path.join(this.#path, name));
    }
  }

  async install(packages, status = 0) {
    const folders = packages.map((name) => `node_modules/${name}`).join(' ');
    fs.mkdirSync(path.join(this.#path, 'bin'), { recursive: true });
    fs.writeFileSync(
      path.join(this.#path, 'bin', 'npm'),
      `#!/bin/sh\necho npm\nrm -rf node_modules\nmkdir -p node_modules ${folders}\nexit ${status}\n`,
      { mode: 0o755 },
    );
    const { stdout } = await run(process.execPath, [path.join(this.#path, 'install.mjs')], {
      env: { ...process.env, PATH: `${path.join(this.#path, 'bin')}:${process.env.PATH}` },
    });
    return stdout.includes('npm');
  }
}

test('what was downloaded whole is not downloaded again', async (t) => {
  const folder = new Folder(t);
  assert.equal(await folder.install(RUNTIMES), true);
  assert.equal(await folder.install(RUNTIMES), false);
});

test('a download that was interrupted begins again', async (t) => {
  const folder = new Folder(t);
  await assert.rejects(folder.install(RUNTIMES.slice(1), 1));
  assert.equal(await folder.install(RUNTIMES), true);
});

test('a runtime that npm passes over is an error, and the next run begins again', { skip: skipped }, async (t) => {
  const folder = new Folder(t);
  await assert.rejects(folder.install(RUNTIMES.slice(1)), ({ stderr }) => {
    assert.match(stderr, new RegExp(`error: npm has not installed ${RUNTIMES[0]};.*\nhint: `));
    return true;
  });
  assert.equal(await folder.install(RUNTIMES), true);
});
