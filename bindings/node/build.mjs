#!/usr/bin/env node
/**
 * Builds the addon and puts it beside the package, so that `require('<clone>/bindings/node')` works.
 *
 * usage: node bindings/node/build.mjs [--debug | LIBRARY]
 *
 * `--debug` builds without optimisation, and with what the driver of the conformance suite calls: for tests
 * only. LIBRARY is one that was built before, with the whole workspace. CARGO and CARGO_TARGET_DIR are honoured.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, renameSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const cargo = process.env.CARGO ?? 'cargo';

const addon = path.join(here, `serverswap.${platform()}.node`);
put(library(process.argv[2]), addon);
console.log(addon);

/** Returns the path of the library that an argument asks for, after it was built. */
function library(argument) {
  switch (argument) {
    case undefined:
      return build(['--release']);
    case '--debug':
      return build(['--features', 'conformance']);
    default:
      return argument;
  }
}

/** Returns the path of the library, as cargo reports it. */
function build(options) {
  const arguments_ = ['build', '-p', 'serverswap-node', ...options, '--message-format=json-render-diagnostics'];
  const messages = execFileSync(cargo, arguments_, {
    cwd: here,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: Infinity,
  });
  const artifact = messages
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line))
    .find(({ reason, target }) => reason === 'compiler-artifact' && target.name === 'serverswap_node');
  return artifact.filenames.find((file) => /\.(so|dylib)$/.test(file));
}

/** The name of this platform in npm. */
function platform() {
  const glibc = process.report.getReport().header.glibcVersionRuntime;
  const library = process.platform === 'linux' ? [glibc === undefined ? 'musl' : 'gnu'] : [];
  return [process.platform, process.arch, ...library].join('-');
}

/** Renames it into place, so that a process that has loaded the old one keeps running that. */
function put(from, to) {
  const temporary = `${to}.${process.pid}`;
  copyFileSync(from, temporary);
  renameSync(temporary, to);
}
