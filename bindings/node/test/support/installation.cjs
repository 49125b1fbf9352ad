'use strict';

/** The package as npm installs it: packed, and installed in an empty folder. */
const { execFile } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { promisify } = require('node:util');

const PACKAGE = path.resolve(__dirname, '..', '..');
const REPOSITORY = path.resolve(PACKAGE, '..', '..');
const PACK = path.join(PACKAGE, 'pack.mjs');

const run = promisify(execFile);

/** Where cargo has put the programs of this repository: SERVERSWAP_BIN_DIR, or its usual place. */
function built() {
  const target = process.env.CARGO_TARGET_DIR ?? path.join(REPOSITORY, 'target');
  return process.env.SERVERSWAP_BIN_DIR ?? path.join(target, 'debug');
}

/** The two commands to pack: a release build beside that, if there is one, because it is smaller by far. */
function commands() {
  const release = path.join(built(), '..', 'release');
  return fs.existsSync(path.join(release, 'serverswap-deploy')) ? release : built();
}

class Installation {
  #folder;

  /** Packs the package into a folder: the tarball of the platform, and the main one. */
  static async pack(folder) {
    const { stdout } = await run(process.execPath, [PACK, '--debug', commands(), folder]);
    return stdout.trim().split('\n');
  }

  /** Installs tarballs, with `npm install FLAGS…`, into an empty folder. */
  static async of(folder, tarballs, ...flags) {
    const installation = new Installation(fs.mkdtempSync(path.join(folder, 'project-')));
    await run('npm', ['install', '--offline', '--no-audit', '--no-fund', ...flags, ...tarballs], {
      cwd: installation.#folder,
    });
    return installation;
  }

  constructor(folder) {
    this.#folder = folder;
  }

  /** A path in the folder. */
  file(...names) {
    return path.join(this.#folder, ...names);
  }

  /** Copies an example into the folder, where it finds the package by its name. */
  example(name) {
    const source = fs.readFileSync(path.join(REPOSITORY, 'examples', 'node', name), 'utf8');
    fs.writeFileSync(this.file(name), source.replace('../../bindings/node', 'serverswap'));
    return this.file(name);
  }
}

module.exports = { Installation, PACK, built, run };
