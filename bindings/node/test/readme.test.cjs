'use strict';

/** The programs that the READMEs show: each names its file in its first line, and is deployed as it stands but for its port. */
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');

const { deployTwice } = require('./support/deployment.cjs');
const { run } = require('./support/installation.cjs');
const { RUNTIMES, skipped } = require('./support/outside.cjs');
const { PACKAGE } = require('./support/program.cjs');

const REPOSITORY = path.join(PACKAGE, '..', '..');
const READMES = [path.join(REPOSITORY, 'README.md'), path.join(PACKAGE, 'README.md'), path.join(REPOSITORY, 'docs', 'streams.md')];

const programs = READMES.flatMap((readme) => {
  const blocks = [...fs.readFileSync(readme, 'utf8').matchAll(/^```js\n(.*?)^```$/gms)];
  return blocks.map(([, source], index) => ({
    title: `${path.relative(PACKAGE, readme)}, program ${index + 1}`,
    name: /^\/\/ (server\.(?:js|mjs|cjs))$/m.exec(source.split('\n', 1)[0])?.[1],
    source,
  }));
});

for (const { title, name, source } of programs) {
  test(`${title} serves once it is deployed, and again when it is deployed again`, async (t) => {
    assert.notEqual(name, undefined, 'its first line names its file');
    await deployTwice(t, { name, source });
  });
}

test('the race that the README names loses nothing with this package, and something without', async () => {
  const command = /`node (bench\/\S+)`/.exec(fs.readFileSync(path.join(PACKAGE, 'README.md'), 'utf8'))[1];
  const { stdout } = await run(process.execPath, [path.join(PACKAGE, command)]);
  assert.match(stdout, /^drain of serverswap: 0 lost of \d+ requests[^]*^server\.close\(\) of Node: [1-9]\d* lost/m);
});

test('the READMEs show programs', () => assert.ok(programs.length >= 5, `${programs.length}`));

/** The first programs of the README of this package: two that listen, as CommonJS and as a module, and the one of 2013. */
const [required, imported, binds] = programs.filter(({ title }) => title.startsWith('README.md'));

const DEPLOYED = { 'Node, lowest': required, 'Node, newest': imported, Deno: imported, Bun: binds };

for (const [runtime, program] of Object.entries(DEPLOYED)) {
  test(`${runtime}: ${program.title} serves once it is deployed, and again`, { skip: skipped }, async (t) => {
    await deployTwice(t, { ...program, runtime: RUNTIMES[runtime] });
  });
}
