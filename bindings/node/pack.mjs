#!/usr/bin/env node
/**
 * Makes the tarballs that npm installs, from what was built before.
 *
 * usage: node bindings/node/pack.mjs [--debug] PROGRAMS [DESTINATION]       both, for this platform
 *        node bindings/node/pack.mjs --platform PLATFORM --addon FILE PROGRAMS DESTINATION
 *        node bindings/node/pack.mjs --main PROGRAMS DESTINATION           PROGRAMS runs here, and writes the man pages
 *
 * PROGRAMS is the folder with `serverswap` (`target/release`); without `--addon`, the addon is the one
 * that `build.mjs` has put here. DESTINATION is this folder if it is not given. Only with `--debug`, for tests, the
 * addon may be one that `build.mjs --debug` has built.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const require = createRequire(import.meta.url);
const here = path.dirname(fileURLToPath(import.meta.url));
const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    debug: { type: 'boolean' },
    main: { type: 'boolean' },
    platform: { type: 'string' },
    addon: { type: 'string' },
  },
});
const [programs, destination = here] = positionals;
if (programs === undefined || (options.platform === undefined) !== (options.addon === undefined)) {
  console.error('usage: node bindings/node/pack.mjs [--debug] PROGRAMS [DESTINATION]');
  console.error('       node bindings/node/pack.mjs --platform PLATFORM --addon FILE PROGRAMS DESTINATION');
  console.error('       node bindings/node/pack.mjs --main PROGRAMS DESTINATION');
  process.exit(2);
}

const stage = mkdtempSync(path.join(tmpdir(), 'serverswap-pack-'));
try {
  if (options.platform !== undefined) {
    packPlatform(options.platform, options.addon);
  } else if (!options.main) {
    const addon = addonOfThisPlatform();
    packPlatform(addon.split('.')[1], path.join(here, addon));
  }
  if (options.platform === undefined) packMain();
} finally {
  rmSync(stage, { recursive: true });
}

/** For example `serverswap.linux-x64-gnu.node`. */
function addonOfThisPlatform() {
  const addon = readdirSync(here).find((name) => /^serverswap\..*\.node$/.test(name));
  if (addon === undefined) {
    console.error('error: there is no addon to pack\nhint: node bindings/node/build.mjs');
    process.exit(1);
  }
  if (!options.debug && require(path.join(here, addon)).decodeLine !== undefined) {
    console.error(`error: ${addon} has what only tests may call\nhint: node bindings/node/build.mjs, without --debug`);
    process.exit(1);
  }
  return addon;
}

/** One program is both commands: npm links each to it. */
function packPlatform(platform, addon) {
  const folder = path.join(stage, platform);
  cpSync(path.join(here, 'npm', platform), folder, { recursive: true });
  cpSync(addon, path.join(folder, 'serverswap.node'));
  cpSync(path.join(programs, 'serverswap'), path.join(folder, 'serverswap'));
  const { name, description } = readJson(path.join(folder, 'package.json'));
  const use = 'Do not install this package: `npm install serverswap` does, where it is of use.';
  const home = '[serverswap](https://www.npmjs.com/package/serverswap) has the API and the commands.';
  writeFileSync(path.join(folder, 'README.md'), `# ${name}\n\n${description}. ${use}\n\n${home}\n`);
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
  execFileSync(path.join(programs, 'serverswap'), ['man', '--into', path.join(folder, 'man')]);
  const man = readdirSync(path.join(folder, 'man')).map((page) => `man/${page}`);
  const files = [...published.files, 'man'];
  const full = { ...published, files, man, optionalDependencies: platformPackages() };
  writeFileSync(path.join(folder, 'package.json'), `${JSON.stringify(full, null, 2)}\n`);
  pack(folder);
}

function platformPackages() {
  const folders = readdirSync(path.join(here, 'npm'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const manifests = folders.map(({ name }) => readJson(path.join(here, 'npm', name, 'package.json')));
  return Object.fromEntries(manifests.map(({ name, version }) => [name, version]));
}

function pack(folder) {
  cpSync(path.join(here, '..', '..', 'LICENSE'), path.join(folder, 'LICENSE'));
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
