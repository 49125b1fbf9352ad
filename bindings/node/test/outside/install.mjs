#!/usr/bin/env node
/** Installs what the tests run besides Node, unless that is there. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
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

if (read(installed) !== lock) {
  // No package needs a script of its own, and none is to run one here.
  execFileSync('npm', ['ci', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund'], { cwd: folder, stdio: 'inherit' });
  writeFileSync(installed, lock);
}
