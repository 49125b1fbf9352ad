#!/usr/bin/env node
/**
 * Makes the two tarballs of this platform, from what was built before.
 *
 * usage: node bindings/node/pack.mjs [--debug] BINARIES [DESTINATION]
 *
 * BINARIES is the folder with `serverswap` and `serverswap-deploy` (`target/release`); the addon is the one
 * that `build.mjs` has put here. DESTINATION is this folder if it is not given. Only with `--debug`, for tests, the
 * addon may be one that `build.mjs --debug` has built.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const here = path.dirname(fileURLToPath(import.meta.url));
const debug = process.argv.includes('--debug');
const [binaries, destination = here] = process.argv.slice(2).filter((word) => word !== '--debug');
if (binaries === undefined) {
  console.error('usage: node bindings/node/pack.mjs [--debug] BINARIES [DESTINATION]');
  process.exit(2);
}

const stage = mkdtempSync(path.join(tmpdir(), 'serverswap-pack-'));
try {
  packPlatform(platformOfAddon());
  packMain();
} finally {
  rmSync(stage, { recursive: true });
}

/** For example `linux-x64-gnu`. */
function platformOfAddon() {
  const addon = readdirSync(here).find((name) => /^serverswap\..*\.node$/.test(name));
  if (addon === undefined) {
    console.error('error: there is no addon to pack\nhint: node bindings/node/build.mjs');
    process.exit(1);
  }
  if (!debug && require(path.join(here, addon)).decodeLine !== undefined) {
    console.error(`error: ${addon} has what only tests may call\nhint: node bindings/node/build.mjs, without --debug`);
    process.exit(1);
  }
  return addon.split('.')[1];
}

function packPlatform(platform) {
  const folder = path.join(stage, platform);
  cpSync(path.join(here, 'npm', platform), folder, { recursive: true });
  cpSync(path.join(here, `serverswap.${platform}.node`), path.join(folder, 'serverswap.node'));
  for (const command of ['serverswap', 'serverswap-deploy']) {
    cpSync(path.join(binaries, command), path.join(folder, command));
  }
  pack(folder);
}

function packMain() {
  const folder = path.join(stage, 'serverswap');
  const manifest = readJson(path.join(here, 'package.json'));
  for (const name of [...manifest.files.filter((file) => !file.includes('*')), 'README.md']) {
    cpSync(path.join(here, name), path.join(folder, name), { recursive: true });
  }
  for (const name of readdirSync(here).filter((file) => file.startsWith('index.'))) {
    cpSync(path.join(here, name), path.join(folder, name));
  }
  const { devDependencies, scripts, ...published } = manifest;
  const full = { ...published, optionalDependencies: platformPackages() };
  writeFileSync(path.join(folder, 'package.json'), `${JSON.stringify(full, null, 2)}\n`);
  pack(folder);
}

function platformPackages() {
  const folders = readdirSync(path.join(here, 'npm'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const manifests = folders.map(({ name }) => readJson(path.join(here, 'npm', name, 'package.json')));
  return Object.fromEntries(manifests.map(({ name, version }) => [name, version]));
}

function pack(folder) {
  const output = execFileSync('npm', ['pack', '--json', '--pack-destination', path.resolve(destination)], {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  console.log(path.resolve(destination, JSON.parse(output)[0].filename.replace(/^@/, '').replace('/', '-')));
}

function readJson(file) {
  return JSON.parse(readFileSync(file, 'utf8'));
}
