'use strict';

/** The frameworks that the README names, each in its lowest and its newest version. */
const assert = require('node:assert/strict');
const { once } = require('node:events');
const http = require('node:http');
const { test } = require('node:test');

const { listen } = require('..');
const { outside } = require('./support/outside.cjs');
const { freePort } = require('./support/port.cjs');
const { RawClient } = require('./support/raw-client.cjs');

const SERVERS = {
  express: (express) => http.createServer(express().get('/', (request, response) => response.send('ok'))),
  koa: (Koa) => {
    const app = new Koa();
    app.use((context) => {
      context.body = 'ok';
    });
    return http.createServer(app.callback());
  },
  fastify: async (fastify) => {
    const app = fastify();
    app.get('/', async () => 'ok');
    await app.ready();
    return app.server;
  },
};

for (const [name, serverOf] of Object.entries(SERVERS)) {
  for (const version of ['lowest', 'newest']) {
    test(`${name}, ${version}: an idle and a silent connection are answered during the drain`, async () => {
      const server = await serverOf(outside(`${name}-${version}`));
      const port = await freePort();
      const handle = await listen(server, port);
      const idle = await RawClient.connect(port);
      assert.equal((await idle.ask('/')).body, 'ok');
      const accepted = once(server, 'connection');
      const silent = await RawClient.connect(port);
      await accepted;
      const drained = handle.close();
      for (const client of [idle, silent]) {
        const { connection, body } = await client.ask('/');
        assert.deepEqual([connection, body], ['close', 'ok']);
      }
      await drained;
    });
  }
}

test('ws: a websocket is closed with 1012, and the drain is over', async () => {
  const { WebSocket, WebSocketServer } = outside('ws');
  const server = http.createServer();
  const sockets = new WebSocketServer({ server });
  const port = await freePort();
  const handle = await listen(server, port);
  const clients = [1, 2, 3].map(() => new WebSocket(`ws://127.0.0.1:${port}`));
  await Promise.all(clients.map((client) => once(client, 'open')));
  const closed = clients.map((client) => once(client, 'close'));
  const drained = handle.close();
  const codes = (await Promise.all(closed)).map(([code]) => code);
  assert.deepEqual(codes, [1012, 1012, 1012]);
  await drained;
  assert.equal(sockets.clients.size, 0);
});

test('socket.io: a client comes back by itself after its goodbye', async () => {
  const { Server } = outside('socket.io');
  const { io } = outside('socket.io-client');
  const server = http.createServer();
  const sockets = new Server(server);
  sockets.on('connection', (socket) => socket.on('echo', (text, answer) => answer(text)));
  const port = await freePort();
  const handle = await listen(server, port, { goodbye: ({ end }) => setImmediate(end) });
  const client = io(`http://127.0.0.1:${port}`, { transports: ['websocket'] });
  await once(client, 'connect');
  assert.equal(await client.emitWithAck('echo', 'hello'), 'hello');
  const disconnected = once(client, 'disconnect');
  const drained = handle.close();
  const [reason] = await disconnected;
  assert.equal(reason, 'transport close', 'after `io server disconnect` it would not');
  assert.equal(client.active, true);
  client.disconnect();
  await drained;
});
