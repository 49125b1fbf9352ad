'use strict';

/** Other versions of Node, and other runtimes: what the README says about each. */
const assert = require('node:assert/strict');
const path = require('node:path');
const { test } = require('node:test');

const { run } = require('./support/installation.cjs');
const { RUNTIMES, skipped } = require('./support/outside.cjs');
const { PACKAGE } = require('./support/program.cjs');

const EVERY_KIND = ['http', 'https', 'net', 'tls', 'http2', 'http2 over TLS'];

const KINDS = {
  'Node, lowest': EVERY_KIND,
  'Node, newest': EVERY_KIND,
  Deno: ['http', 'https', 'net', 'tls'],
  Bun: ['net', 'tls', 'http2', 'http2 over TLS'],
};

for (const [runtime, kinds] of Object.entries(KINDS)) {
  test(`${runtime}: ${kinds.join(', ')}: the open connection is answered during the drain`, { skip: skipped }, async () => {
    const [program, ...flags] = RUNTIMES[runtime];
    const { stdout } = await run(program, [...flags, path.join(__dirname, 'fixtures', 'drains.cjs'), ...kinds]);
    assert.deepEqual(stdout.trim().split('\n'), kinds);
  });
}

const BUN = { skip: skipped };

/** Runs a program in Bun; `server` is one of its HTTP servers. */
const bun = (source) =>
  run(RUNTIMES.Bun[0], ['-e', `
    const serverswap = require(${JSON.stringify(PACKAGE)});
    const server = require('node:http').createServer();
    ${source}`]);

test('Bun: an HTTP server is refused by listen before anything is claimed', BUN, async () => {
  const { stdout } = await bun(`
    serverswap.listen(server, ':8080').catch(({ code, message }) => {
      console.log(code, message);
      serverswap.readyFor(':8080', { serving: 'manual' }).then(() => console.log('it was not claimed'));
    });`);
  assert.match(stdout, /^not_supported an HTTP server of Bun cannot listen[^]*hint: [^]*it was not claimed\n$/);
});

test('Bun: an HTTP server that ignores its socket is refused before it is serving', BUN, async () => {
  const { freePort } = require('./support/port.cjs');
  const { stdout } = await bun(`
    serverswap.readyFor(':${await freePort()}', { inherit: true }).then((listener) => {
      server.listen(listener, () => {
        try { listener.serving(); } catch ({ code }) { console.log(code); }
        process.exit();
      });
    });`);
  assert.equal(stdout, 'not_listening\n');
});
