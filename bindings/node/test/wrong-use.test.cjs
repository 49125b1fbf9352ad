'use strict';

const assert = require('node:assert/strict');
const http = require('node:http');
const net = require('node:net');
const path = require('node:path');
const { test } = require('node:test');

const serverswap = require('..');
const { Arbiter } = require('./support/arbiter.cjs');
const { Program } = require('./support/program.cjs');
const { scene, temporaryDirectory } = require('./support/scene.cjs');

const { ServerSwapError, listen, onTakedown, progress, readyFor, serving } = serverswap;

const withCode = (code) => (error) => error instanceof ServerSwapError && error.code === code;

test('what is no address is refused at once, and the error shows what to write instead', () => {
  for (const text of ['', 'localhost:80', ':0', ':99999', 'unix:relative', 'two words', '-1']) {
    assert.throws(() => readyFor(text), withCode('invalid_address'), text);
  }
  assert.throws(() => readyFor('localhost:80'), /must be an IP address such as `127\.0\.0\.1`/);
  assert.throws(() => readyFor(0), withCode('invalid_address'));
});

test('arguments of a wrong kind are refused at once', () => {
  const wrong = [
    () => readyFor(),
    () => readyFor(null),
    () => readyFor(80.5),
    () => readyFor({ port: 80 }),
    () => readyFor(['127.0.0.1:80']),
    () => readyFor('mailer', 'inherit'),
    () => readyFor('mailer', null),
    () => readyFor('mailer', {}, 'callback'),
    () => readyFor('mailer', { inherits: true }),
    () => readyFor('mailer', { inherit: 1 }),
    () => readyFor('mailer', { signal: {} }),
    () => readyFor('mailer', { serving: 'later' }),
    () => onTakedown('mailer'),
    () => onTakedown('mailer', 'callback'),
    () => onTakedown(undefined, () => {}),
    () => progress('mailer', { connections: -1 }),
    () => progress('mailer', { connections: 1.5 }),
    () => progress('mailer', { extendMs: Infinity }),
    () => progress('mailer', 3),
    () => serving(),
  ];
  for (const call of wrong) {
    assert.throws(call, withCode('invalid_argument'), String(call));
  }
});

test('listen takes nothing but a server that does not listen yet', async () => {
  const listening = http.createServer().listen(0);
  const wrong = [undefined, 'server', {}, (request, response) => response.end(), listening];
  for (const server of wrong) {
    await assert.rejects(listen(server, ':8080'), withCode('invalid_argument'));
  }
  await assert.rejects(listen(http.createServer(), ':8080', { drainTimeout: '30s' }), withCode('invalid_argument'));
  await assert.rejects(listen(http.createServer(), 'localhost:80'), withCode('invalid_address'));
  listening.close();
});

test('a name has no socket to inherit', async () => {
  await assert.rejects(readyFor('mailer', { inherit: true }), withCode('not_inheritable'));
  await assert.rejects(listen(http.createServer(), 'mailer'), withCode('not_inheritable'));
});

/** How many listeners a server has for each event. */
const listeners = (server) => server.eventNames().map((event) => [event, server.listenerCount(event)]);

test('a listen that fails leaves the server as it was, however often', async (t) => {
  const server = http.createServer(() => {});
  const before = listeners(server);
  const { close } = server;
  const taken = net.createServer().listen(path.join(temporaryDirectory(t), 'taken.sock'));
  for (let attempt = 0; attempt < 12; attempt += 1) {
    await assert.rejects(listen(server, 'mailer'), withCode('not_inheritable'));
    await assert.rejects(listen(server, ':8080', { signal: AbortSignal.abort() }), { name: 'AbortError' });
    await assert.rejects(listen(server, `unix:${taken.address()}`), withCode('address_in_use'));
  }
  assert.deepEqual(listeners(server), before);
  assert.equal(server.close, close);
  taken.close();
});

test('a server that was closed can listen again, and is left as it was', async (t) => {
  const server = http.createServer((request, response) => response.setHeader('Content-Length', 2).end('ok'));
  const before = listeners(server);
  const { close } = server;
  const socket = path.join(temporaryDirectory(t), 'app.sock');
  for (let round = 0; round < 3; round += 1) {
    const { drained } = await listen(server, `unix:${socket}`);
    server.close();
    await drained;
  }
  assert.deepEqual(listeners(server), before);
  assert.equal(server.close, close);
});

test('an address is claimed once', async () => {
  const grant = await readyFor('once');
  await assert.rejects(readyFor('once'), withCode('already_claimed'));
  grant.close();
  (await readyFor('once')).close();
});

test('serving is possible only for an address that is held', () => {
  assert.throws(() => serving('nobody'), withCode('not_held'));
});

test('progress is possible only for an address that is held or was taken', () => {
  assert.throws(() => progress('nobody', { connections: 1 }), withCode('not_held'));
});

test('a closed grant sends nothing more', async () => {
  const grant = await readyFor('closed', { serving: 'manual' });
  grant.close();
  grant.close();
  grant.serving();
});

test('a signal that is aborted already withdraws the claim before it is made', async () => {
  const signal = AbortSignal.abort();
  await assert.rejects(readyFor('aborted', { signal }), { name: 'AbortError', code: 'ABORT_ERR' });
  (await readyFor('aborted')).close();
});

test('after fail nothing can be claimed', async () => {
  const program = new Program(`
    serverswap.fail('no database');
    serverswap.fail('twice');
    serverswap.readyFor('mailer').catch((error) => print(error.code));`);
  assert.equal(await program.nextLine(), 'failed');
  assert.equal(await program.exit(), 0);
});

test('a supervisor that dies in the middle of a claim is followed by the next one', async (t) => {
  const { arbiter, program, socket } = await scene(t, `serverswap.readyFor('mailer').then(() => print('granted'));`);
  await arbiter.welcomes();
  await arbiter.receives('readyFor');
  await arbiter.stop();
  const next = await Arbiter.start(path.dirname(socket));
  t.after(() => next.stop());
  await next.welcomes();
  const { id, address } = await next.receives('readyFor');
  next.sends({ type: 'granted', re: id, address });
  assert.equal(await program.nextLine(), 'granted');
});

test('a supervisor that dies in the middle of a claim, and has no successor, ends it with an error', async (t) => {
  const { arbiter, program } = await scene(t, `serverswap.readyFor('mailer').catch((error) => print(error.code));`);
  await arbiter.welcomes();
  await arbiter.receives('readyFor');
  await arbiter.stop();
  assert.equal(await program.nextLine(), 'supervisor_lost');
  assert.equal(await program.exit(), 0);
});

test('what is refused leaves no descriptor behind', async (t) => {
  const program = new Program(`
    const open = () => require('node:fs').readdirSync('/proc/self/fd').length;
    const address = ${JSON.stringify(`unix:${path.join(temporaryDirectory(t), 'app.sock')}`)};
    const round = async () => {
      const listener = await serverswap.readyFor(address, { inherit: true });
      await serverswap.readyFor(address, { inherit: true }).catch(() => {});
      await serverswap.readyFor('mailer', { inherit: true }).catch(() => {});
      listener.close();
      return open();
    };
    (async () => {
      const first = await round();
      for (let rounds = 0; rounds < 20; rounds += 1) await round();
      print(await round() - first);
    })();`);
  assert.equal(await program.nextLine(), '0');
});

test('an environment that no supervisor sets is named', async () => {
  const program = new Program(`serverswap.readyFor('mailer');`, { env: { SERVERSWAP_SOCKET: 'relative.sock' } });
  assert.equal(await program.exit(), 1);
  assert.match(await program.stderr(), /`SERVERSWAP_SOCKET` must be an absolute path[^]*invalid_environment/);
});

test('an addon that cannot be loaded is explained', async () => {
  const program = new Program(`print('loaded')`, { flags: ['--require', require.resolve('./fixtures/no-addon.cjs')] });
  assert.equal(await program.exit(), 1);
  const stderr = await program.stderr();
  assert.match(stderr, /no native addon for linux \S+ could be loaded/);
  assert.match(stderr, /hint: .*optional dependencies/);
});
