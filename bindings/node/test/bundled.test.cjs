'use strict';

/** A program that was put into one file by a bundler. */
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');

const { projectFolder } = require('./support/deployment.cjs');
const { run } = require('./support/installation.cjs');
const { outside } = require('./support/outside.cjs');

/** Bundles a program; returns the file. */
function bundle(t, options) {
  const folder = projectFolder(t);
  fs.writeFileSync(path.join(folder, 'server.js'), `console.log(require('serverswap').listen.name);`);
  const outfile = path.join(folder, 'dist', 'server.js');
  const entryPoints = [path.join(folder, 'server.js')];
  outside('esbuild').buildSync({ entryPoints, outfile, bundle: true, platform: 'node', logLevel: 'error', ...options });
  return outfile;
}

test('a bundle with serverswap in it prints how to keep it external', async (t) => {
  await assert.rejects(run(process.execPath, [bundle(t, {})]), ({ stderr }) => {
    assert.match(stderr, /no native addon[^]*hint: keep serverswap external[^]*esbuild --external:serverswap/);
    return true;
  });
});

test('a bundle with serverswap external to it loads the package', async (t) => {
  const { stdout } = await run(process.execPath, [bundle(t, { external: ['serverswap'] })]);
  assert.equal(stdout, 'listen\n');
});
