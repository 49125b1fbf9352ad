'use strict';

const assert = require('node:assert/strict');
const dgram = require('node:dgram');
const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const path = require('node:path');
const { test } = require('node:test');

const serverswap = require('..');
const { freePort } = require('./support/port.cjs');
const { PACKAGE, Program } = require('./support/program.cjs');
const { RawClient } = require('./support/raw-client.cjs');
const { temporaryDirectory } = require('./support/scene.cjs');

const answerOk = (request, response) => response.setHeader('Content-Length', 2).end('ok');

const unixAddress = (t) => `unix:${path.join(temporaryDirectory(t), 'app.sock')}`;

test('the program of 2013 serves, with nothing changed but the path of the package and the port', async (t) => {
  const port = await freePort();
  const seed = fs.readFileSync(path.join(__dirname, 'fixtures', 'seed.js'), 'utf8');
  const program = new Program(seed.replace("'../'", JSON.stringify(PACKAGE)).replaceAll('8080', port), { prelude: '' });
  t.after(() => program.kill());
  assert.equal(await program.nextLine(), `Listening on port ${port}`);
  const answer = await fetch(`http://127.0.0.1:${port}/`);
  assert.equal(await answer.text(), 'Hello World!\n');
});

test('without a supervisor there is none, and no generation', () => {
  assert.equal(serverswap.supervised, false);
  assert.equal(serverswap.generation, null);
});

test('listen opens the address in the process, and close drains', async (t) => {
  const address = unixAddress(t);
  const handle = await serverswap.listen(http.createServer(answerOk), address);
  assert.equal(handle.address, address);
  const client = await RawClient.connect(address.slice('unix:'.length));
  assert.equal((await client.ask('/')).connection, 'keep-alive');
  const drained = handle.close();
  assert.equal((await client.ask('/')).connection, 'close');
  await drained;
});

test('a port number is an address', async () => {
  const port = await freePort();
  const handle = await serverswap.listen(http.createServer(answerOk), port);
  assert.equal(handle.address, `:${port}`);
  const answer = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } });
  assert.equal(await answer.text(), 'ok');
  await handle.close();
});

test('a UDP address gives a socket for dgram', async () => {
  const port = await freePort();
  const listener = await serverswap.readyFor(`udp:127.0.0.1:${port}`, { inherit: true });
  const socket = dgram.createSocket('udp4').bind(listener);
  listener.serving();
  const received = once(socket, 'message');
  socket.send('hello', port, '127.0.0.1');
  assert.equal(String((await received)[0]), 'hello');
  listener.close();
  socket.close();
});

test('every promise form and every callback form is granted at once', async () => {
  const bound = await serverswap.readyFor('alone.promise');
  assert.equal(bound.address, 'alone.promise');
  await new Promise((resolve) => serverswap.readyFor('alone.none', () => resolve()));
  await new Promise((resolve, reject) =>
    serverswap.readyFor('alone.two', (error, grant) => (error ? reject(error) : resolve(grant))),
  );
  bound.close();
});

test('an address that another program holds is named', async () => {
  const server = net.createServer().listen(0);
  await once(server, 'listening');
  const { port } = server.address();
  const error = await serverswap.listen(http.createServer(), port).catch((reason) => reason);
  assert.equal(error.code, 'address_in_use');
  assert.match(error.message, new RegExp(`:${port}`));
  server.close();
});

test('the module of ECMAScript is the same instance', async () => {
  const module = await import('../index.mjs');
  assert.equal(module.default, serverswap);
  for (const name of Object.keys(serverswap)) {
    assert.equal(module[name], serverswap[name], name);
  }
});
