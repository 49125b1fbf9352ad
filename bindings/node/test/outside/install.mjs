#!/usr/bin/env node
/** Installs what the tests run besides Node, unless that is there. A run that was interrupted begins again. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = path.dirname(fileURLToPath(import.meta.url));
const lock = readFileSync(path.join(folder, 'package-lock.json'), 'utf8');
const installed = path.join(folder, 'node_modules', '.installed-lock.json');

function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

/** npm goes on without an optional package that it cannot download; here they are for x64 with glibc. */
function missing() {
  const { optionalDependencies } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'));
  const glibc = process.report.getReport().header.glibcVersionRuntime !== undefined;
  const expected = process.arch === 'x64' && glibc ? Object.keys(optionalDependencies) : [];
  return expected.filter((name) => !existsSync(path.join(folder, 'node_modules', name)));
}

if (read(installed) !== lock) {
  // No package needs a script of its own, and none is to run one here.
  execFileSync('npm', ['ci', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund'], { cwd: folder, stdio: 'inherit' });
  if (missing().length > 0) {
    console.error(`error: npm has not installed ${missing().join(', ')}; nothing was tested\nhint: try again when its registry can be reached`);
    process.exit(1);
  }
  // A fifth of all that is installed, for those who compile addons.
  for (const runtime of ['node-lowest', 'node-newest']) {
    for (const unused of ['include', 'share']) rmSync(path.join(folder, 'node_modules', runtime, unused), { recursive: true, force: true });
  }
  writeFileSync(installed, lock);
}
