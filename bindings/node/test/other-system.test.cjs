'use strict';

/** What a program does on a system for which there is no addon: it serves, as without a supervisor. */
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');

const { freePort } = require('./support/port.cjs');
const { PACKAGE, Program } = require('./support/program.cjs');
const { RawClient } = require('./support/raw-client.cjs');
const { temporaryDirectory } = require('./support/scene.cjs');

const FLAGS = ['--require', require.resolve('./fixtures/other-system.cjs')];

const SERVER = `
  const server = require('node:http').createServer((request, response) => response.setHeader('Content-Length', 2).end('ok'));`;

function program(t, source, options) {
  const started = new Program(source, { flags: FLAGS, ...options });
  t.after(() => started.kill());
  return started;
}

test('elsewhere: listen serves on a port and on a path, and drains', async (t) => {
  const addresses = [`:${await freePort()}`, `127.0.0.1:${await freePort()}`, `unix:${temporaryDirectory(t)}/app.sock`];
  for (const address of addresses) {
    const started = program(t, `${SERVER}
      serverswap.listen(server, '${address}').then(({ address, close }) => {
        print(address);
        process.stdin.once('data', () => {
          close().then(() => print('drained'));
          print('drains');
          process.stdin.destroy();
        });
      });`);
    assert.equal(await started.nextLine(), address);
    const client = await RawClient.connect(address.startsWith('unix:') ? address.slice(5) : Number(address.split(':')[1]));
    assert.equal((await client.ask('/')).connection, 'keep-alive');
    started.writeLine('close');
    assert.equal(await started.nextLine(), 'drains');
    assert.equal((await client.ask('/')).connection, 'close');
    assert.equal(await started.nextLine(), 'drained');
    assert.equal(await started.exit(), 0);
  }
});

test('elsewhere: the program of 2013 serves', async (t) => {
  const port = await freePort();
  const seed = fs.readFileSync(path.join(__dirname, 'fixtures', 'seed.js'), 'utf8');
  const source = seed.replace("'../'", JSON.stringify(PACKAGE)).replaceAll('8080', port);
  assert.equal(await program(t, source, { prelude: '' }).nextLine(), `Listening on port ${port}`);
  assert.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), 'Hello World!\n');
});

test('elsewhere: a listener is what server.listen takes', async (t) => {
  const port = await freePort();
  const started = program(t, `${SERVER}
    serverswap.readyFor(${port}, { inherit: true }).then((listener) =>
      server.listen(listener, () => { listener.serving(); print(listener.address); }));`);
  assert.equal(await started.nextLine(), `:${port}`);
  assert.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), 'ok');
});

test('elsewhere: what is refused on Linux is refused with the same code', async (t) => {
  const started = program(t, `
    const code = (run) => Promise.resolve().then(run).then(() => 'granted', (error) => error.name + ' ' + error.code);
    (async () => {
      for (const text of ['localhost:80', ':0', ':99999', '', 'unix:relative', '[::1', 'two words']) print(await code(() => serverswap.readyFor(text)));
      print(await code(() => serverswap.readyFor('mailer', { inherit: true })));
      print(await code(() => serverswap.readyFor('mailer')));
      print(await code(() => serverswap.readyFor('mailer')));
      print(await code(() => serverswap.serving('other')));
      serverswap.onTakedown('mailer', () => {});
      serverswap.serverUp();
      serverswap.fail('no database');
      print(await code(() => serverswap.readyFor('other')));
      print(String(serverswap.supervised));
    })();`);
  const invalid = Array(7).fill('ServerSwapError invalid_address');
  const others = ['not_inheritable', '', 'already_claimed', 'not_held', 'failed'];
  const expected = [...invalid, ...others.map((code) => (code === '' ? 'granted' : `ServerSwapError ${code}`)), 'false'];
  for (const line of expected) {
    assert.equal(await started.nextLine(), line);
  }
  assert.equal(await started.exit(), 0);
});

test('elsewhere: an address has the same canonical text', async (t) => {
  const texts = ['8080', ':8080', '127.0.0.1:80', '[0:0::1]:443', 'unix:/run//app.sock', 'udp::53', 'udp:[::1]:53', 'mailer'];
  const source = `Promise.all(${JSON.stringify(texts)}.map((text) => serverswap.readyFor(text).catch((error) => error)))
    .then((grants) => print(JSON.stringify(grants.map(({ address, code }) => address ?? code))));`;
  const [here, elsewhere] = [program(t, source, { flags: [] }), program(t, source)];
  assert.equal(await elsewhere.nextLine(), await here.nextLine());
});
