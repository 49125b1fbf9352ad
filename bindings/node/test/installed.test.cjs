'use strict';

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { after, before, test } = require('node:test');

const { Installation, PACK, built, run } = require('./support/installation.cjs');
const { Lines } = require('./support/lines.cjs');

const COMMANDS = ['serverswap', 'serverswap-deploy'];

let folder;
let tarballs;
let installation;

before(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'serverswap-installed-'));
  tarballs = await Installation.pack(folder);
  installation = await Installation.of(folder, tarballs);
});

after(() => fs.rmSync(folder, { recursive: true }));

test('the installed commands are native programs', async () => {
  for (const name of COMMANDS) {
    const file = fs.readFileSync(installation.file('node_modules', '.bin', name));
    assert.equal(file.toString('latin1', 1, 4), 'ELF', name);
  }
});

test('the package holds the addon and the commands of the platform, and no more than it needs', () => {
  const platform = installation.file('node_modules', '@serverswap', fs.readdirSync(installation.file('node_modules', '@serverswap'))[0]);
  assert.deepEqual(fs.readdirSync(platform).sort(), ['LICENSE', 'README.md', 'package.json', 'serverswap', 'serverswap.node']);
  const main = fs.readdirSync(installation.file('node_modules', 'serverswap')).sort();
  assert.deepEqual(main, ['LICENSE', 'README.md', 'bin', 'index.cjs', 'index.d.cts', 'index.d.mts', 'index.mjs', 'lib', 'man', 'package.json']);
});

test('the package can be installed on a system that has no addon, and loads there', async () => {
  const [, main] = tarballs;
  const elsewhere = await Installation.of(folder, [main], '--os=darwin', '--cpu=arm64');
  const flags = ['--require', require.resolve('./fixtures/other-system.cjs')];
  const { stdout } = await run(process.execPath, [...flags, '-p', `require('serverswap').listen.name`], { cwd: elsewhere.file() });
  assert.equal(stdout, 'listen\n');
});

test('an addon with calls that are for tests only is not packed', async (t) => {
  const { decodeLine } = require('../lib/native.cjs');
  if (decodeLine === undefined) {
    t.skip('this addon was built without `--debug`');
    return;
  }
  await assert.rejects(run(process.execPath, [PACK, built(), folder]), ({ code, stderr }) => {
    assert.equal(code, 1);
    assert.match(stderr, /error: .* has what only tests may call\nhint: .*build\.mjs, without --debug/);
    return true;
  });
});

test('the platforms are optional dependencies, each for its system, processor and C library', () => {
  const { optionalDependencies } = require(installation.file('node_modules', 'serverswap', 'package.json'));
  for (const name of Object.keys(optionalDependencies)) {
    const [platform, cpu, library] = name.split('/')[1].split('-');
    const manifest = require(path.join(__dirname, '..', 'npm', `${platform}-${cpu}-${library}`, 'package.json'));
    assert.deepEqual([manifest.name, manifest.os, manifest.cpu], [name, [platform], [cpu]]);
    assert.deepEqual(manifest.libc, [library === 'gnu' ? 'glibc' : 'musl']);
  }
});

test('both module systems load the package by its name', async () => {
  const required = `require('serverswap').listen.name`;
  const imported = `import('serverswap').then(({ listen }) => console.log(listen.name))`;
  for (const source of [`console.log(${required})`, imported]) {
    const { stdout } = await run(process.execPath, ['-e', source], { cwd: installation.file() });
    assert.equal(stdout, 'listen\n');
  }
});

test('the demo, several deploys under load, runs with what was installed and loses nothing', async () => {
  const bin = installation.file('node_modules', '.bin');
  const server = [process.execPath, installation.example('http.js')].join(' ');
  const { stdout } = await run(path.join(built(), 'serverswap-rigs'), ['demo', '--server', server], {
    env: { PATH: [bin, path.dirname(process.execPath), '/usr/bin', '/bin'].join(':'), SERVERSWAP_BIN_DIR: bin },
  });
  assert.match(stdout, /requests, 5 deploys, 0 failed, no process left behind/);
});

test('where npm starts a command with Node, Node becomes the command', async (t) => {
  const launcher = installation.file('node_modules', 'serverswap', 'bin', 'serverswap-deploy.cjs');
  const command = spawn(process.execPath, [launcher, process.execPath, '-e', 'setInterval(() => {}, 1e6)'], {
    env: { ...process.env, SERVERSWAP_DIR: fs.mkdtempSync(path.join(folder, 'run-')), XDG_STATE_HOME: folder },
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  // It leaves its runtime directory when it has ended its server.
  t.after(() => Promise.all([once(command, 'exit'), command.kill()]));
  const lines = new Lines(command.stderr);
  while (!(await lines.next()).includes('started'));
  assert.equal(path.basename(fs.readlinkSync(`/proc/${command.pid}/exe`)), 'serverswap');
});

test('a command without its platform package prints what to do', async () => {
  const launcher = path.join(__dirname, '..', 'bin', 'serverswap.cjs');
  await assert.rejects(run(process.execPath, [launcher, '--version']), ({ code, stderr }) => {
    assert.equal(code, 125);
    assert.match(stderr, /error: no `serverswap` for linux \S+ could be started[^]*hint: npm install serverswap/);
    return true;
  });
});
