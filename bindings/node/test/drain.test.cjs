'use strict';

const assert = require('node:assert/strict');
const { once } = require('node:events');
const http = require('node:http');
const net = require('node:net');
const { test } = require('node:test');
const v8 = require('node:v8');
const vm = require('node:vm');

const { Drain } = require('../lib/drain.cjs');
const { RawClient } = require('./support/raw-client.cjs');

const LONG_MS = 60_000;
const CLOSED = { status: 200, connection: 'close', body: 'ok' };
const KEPT = { status: 200, connection: 'keep-alive', body: 'ok' };

const answerOk = (request, response) => response.setHeader('Content-Length', 2).end('ok');

async function started(server) {
  const drain = new Drain(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { drain, port: server.address().port };
}

/** A client that the server has accepted and that has said nothing. */
async function acceptedClient(server, port) {
  const accepted = once(server, 'connection');
  const client = await RawClient.connect(port);
  await accepted;
  return client;
}

test('a request on a connection that was accepted and is silent is answered', async () => {
  const server = http.createServer(answerOk);
  const { drain, port } = await started(server);
  const client = await acceptedClient(server, port);
  drain.begin(LONG_MS);
  assert.deepEqual(await client.ask('/'), CLOSED);
  await drain.drained;
});

test('an idle keep-alive connection gets one more answer, with `Connection: close`', async () => {
  const server = http.createServer(answerOk);
  const { drain, port } = await started(server);
  const client = await RawClient.connect(port);
  assert.deepEqual(await client.ask('/'), KEPT);
  drain.begin(LONG_MS);
  assert.deepEqual(await client.ask('/'), CLOSED);
  await client.ended;
  await drain.drained;
});

test('a request under way is answered with `Connection: close`', async () => {
  const server = http.createServer();
  const { drain, port } = await started(server);
  const client = await RawClient.connect(port);
  client.get('/');
  const [request, response] = await once(server, 'request');
  drain.begin(LONG_MS);
  answerOk(request, response);
  assert.deepEqual(await client.answer(), CLOSED);
  await drain.drained;
});

test('a response whose headers are out is finished, and the next one closes', async () => {
  const server = http.createServer();
  const { drain, port } = await started(server);
  const client = await RawClient.connect(port);
  client.get('/');
  const [, response] = await once(server, 'request');
  response.setHeader('Content-Length', 2).write('o');
  drain.begin(LONG_MS);
  response.end('k');
  assert.deepEqual(await client.answer(), KEPT);
  server.on('request', answerOk);
  assert.deepEqual(await client.ask('/'), CLOSED);
  await drain.drained;
});

test('a program that sets `Connection: keep-alive` is overruled, however it sets it', async () => {
  const ways = {
    '/set': (response) => response.setHeader('Connection', 'keep-alive').setHeader('Content-Length', 2).end('ok'),
    '/object': (response) => response.writeHead(200, { connection: 'keep-alive', 'Content-Length': 2 }).end('ok'),
    '/reason': (response) => response.writeHead(200, 'Fine', { Connection: 'keep-alive', 'Content-Length': 2 }).end('ok'),
    '/array': (response) => response.writeHead(200, ['Connection', 'keep-alive', 'Content-Length', '2']).end('ok'),
    '/both': (response) => response.setHeader('Connection', 'keep-alive').writeHead(200, { 'Content-Length': 2 }).end('ok'),
  };
  for (const path of Object.keys(ways)) {
    const server = http.createServer((request, response) => ways[request.url](response));
    const { drain, port } = await started(server);
    const client = await acceptedClient(server, port);
    drain.begin(LONG_MS);
    assert.deepEqual(await client.ask(path), CLOSED, path);
    await drain.drained;
  }
});

test('pipelined requests under way are all answered and only the last answer closes', async () => {
  const server = http.createServer();
  const { drain, port } = await started(server);
  const client = await RawClient.connect(port);
  const waiting = [];
  const both = new Promise((resolve) => {
    server.on('request', (...pair) => waiting.push(pair) === 2 && resolve());
  });
  client.get('/1');
  client.get('/2');
  await both;
  drain.begin(LONG_MS);
  waiting.forEach(([request, response]) => answerOk(request, response));
  assert.deepEqual([await client.answer(), await client.answer()], [KEPT, CLOSED]);
  await drain.drained;
});

test('a request with `Expect: 100-continue` closes as well', async () => {
  const server = http.createServer();
  server.on('checkContinue', answerOk);
  const { drain, port } = await started(server);
  const client = await acceptedClient(server, port);
  drain.begin(LONG_MS);
  assert.deepEqual(await client.ask('/', 'Expect: 100-continue'), CLOSED);
  await drain.drained;
});

test('a request with `Expect: 100-continue` that is under way when the drain begins closes as well', async () => {
  const server = http.createServer();
  const asked = once(server, 'checkContinue');
  const { drain, port } = await started(server);
  const client = await RawClient.connect(port);
  client.get('/', 'Expect: 100-continue');
  const [request, response] = await asked;
  drain.begin(LONG_MS);
  answerOk(request, response);
  assert.deepEqual(await client.answer(), CLOSED);
  await drain.drained;
});

test('a server that does not listen for `checkContinue` still sends 100 by itself', async () => {
  const { drain, port } = await started(http.createServer(answerOk));
  const client = await RawClient.connect(port);
  assert.equal((await client.ask('/', 'Expect: 100-continue')).status, 100);
  assert.equal((await client.answer()).status, 200);
  drain.begin(LONG_MS);
  client.socket.end();
  await drain.drained;
});

const UPLOAD = Buffer.alloc(3_000_000, 'x');

test('a client whose upload is answered early can finish it, and reads the answer', async () => {
  const server = http.createServer((request, response) => response.writeHead(401, { 'Content-Length': 2 }).end('no'));
  const { drain, port } = await started(server);
  const client = await acceptedClient(server, port);
  const errors = [];
  client.socket.on('error', ({ code }) => errors.push(code));
  drain.begin(LONG_MS);
  client.socket.write(`POST / HTTP/1.1\r\nHost: test\r\nContent-Length: ${UPLOAD.length}\r\n\r\n`);
  client.socket.write(UPLOAD.subarray(0, 1_000_000));
  assert.deepEqual(await client.answer(), { status: 401, connection: 'close', body: 'no' });
  client.socket.end(UPLOAD.subarray(1_000_000));
  await client.ended;
  await drain.drained;
  assert.deepEqual(errors, []);
});

test('an early answer during the drain reaches Node\'s own client, whose connections are old', async () => {
  const server = http.createServer((request, response) => response.writeHead(401, { 'Content-Length': 2 }).end('no'));
  const { drain, port } = await started(server);
  const clients = Array.from({ length: 10 }, () => new http.Agent({ keepAlive: true, maxSockets: 1 }));
  const post = (agent, body) =>
    new Promise((resolve, reject) => {
      const request = http.request({ port, host: '127.0.0.1', agent, method: 'POST' });
      request.on('response', (response) => response.resume().on('end', () => resolve(response.statusCode)));
      request.on('error', reject).end(body);
    });
  await Promise.all(clients.map((agent) => post(agent, 'x')));
  drain.begin(LONG_MS);
  const statuses = await Promise.all(clients.map((agent) => post(agent, UPLOAD)));
  assert.deepEqual(statuses, clients.map(() => 401));
  clients.forEach((agent) => agent.destroy());
  await drain.drained;
});

test('an upload that the program goes on reading after its answer arrives in full', async () => {
  const server = http.createServer();
  const { drain, port } = await started(server);
  const client = await acceptedClient(server, port);
  drain.begin(LONG_MS);
  client.socket.write(`POST / HTTP/1.1\r\nHost: test\r\nContent-Length: ${UPLOAD.length}\r\n\r\n`);
  const [request, response] = await once(server, 'request');
  const stored = (async () => {
    let bytes = 0;
    for await (const chunk of request) bytes += chunk.length;
    return bytes;
  })();
  answerOk(request, response);
  assert.deepEqual(await client.answer(), CLOSED);
  client.socket.write(UPLOAD);
  assert.equal(await stored, UPLOAD.length);
  await drain.drained;
});

test('a request that was answered is not kept in memory', async () => {
  v8.setFlagsFromString('--expose-gc');
  const collectGarbage = vm.runInNewContext('gc');
  const requests = [];
  const server = http.createServer((request, response) => {
    requests.push(new WeakRef(request));
    answerOk(request, response);
  });
  const { drain, port } = await started(server);
  const client = await RawClient.connect(port);
  for (let count = 0; count < 20; count += 1) {
    await client.ask('/');
  }
  await new Promise(setImmediate);
  collectGarbage();
  const kept = requests.filter((request) => request.deref() !== undefined).length;
  assert.ok(kept <= 2, `${kept} of ${requests.length} are kept`);
  drain.begin(LONG_MS);
  client.socket.end();
  await drain.drained;
});

test('an upgraded connection stays until the deadline and is destroyed then', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const server = http.createServer();
  server.on('upgrade', (request, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
    socket.on('error', () => {}).pipe(socket);
  });
  const { drain, port } = await started(server);
  const client = await RawClient.connect(port);
  assert.equal((await client.ask('/', 'Connection: Upgrade', 'Upgrade: echo')).status, 101);
  drain.begin(LONG_MS);
  client.socket.write('HTTP/1.1 200 still here\r\n\r\n');
  assert.equal((await client.answer()).status, 200, 'it is served while the server drains');
  assert.equal(drain.sockets.length, 1);
  t.mock.timers.tick(LONG_MS);
  await client.ended;
  await drain.drained;
});

test('at the deadline everything is destroyed', async () => {
  const server = net.createServer();
  const { drain, port } = await started(server);
  const client = await acceptedClient(server, port);
  drain.begin(1);
  await client.ended;
  await drain.drained;
});

test('a later deadline can be asked for, an earlier one not', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const server = net.createServer();
  const { drain, port } = await started(server);
  const client = await acceptedClient(server, port);
  drain.begin(1_000);
  drain.extend(500);
  drain.extend(2_000);
  t.mock.timers.tick(1_999);
  assert.equal(drain.sockets[0].destroyed, false);
  t.mock.timers.tick(1);
  await client.ended;
  await drain.drained;
});

test('connections of a plain net server end by themselves', async () => {
  const server = net.createServer((socket) => socket.pipe(socket));
  const { drain, port } = await started(server);
  const client = await acceptedClient(server, port);
  drain.begin(LONG_MS);
  client.socket.end('HTTP/1.1 200 echo\r\n\r\n');
  assert.equal((await client.answer()).status, 200);
  await drain.drained;
});

test('a server without connections is drained at once', async () => {
  const { drain } = await started(http.createServer());
  drain.begin(LONG_MS);
  await drain.drained;
});

test('the number of open connections is reported at once and after each that closes', async () => {
  const server = net.createServer((socket) => socket.resume());
  const { drain, port } = await started(server);
  const clients = [await acceptedClient(server, port), await acceptedClient(server, port)];
  const counts = [];
  drain.begin(LONG_MS, { onOpen: (open) => counts.push(open) });
  clients.forEach((client) => client.socket.end());
  await drain.drained;
  assert.deepEqual(counts, [2, 1, 0]);
});

test('of 200 requests that are sent at the moment of the takedown none is lost', async () => {
  const server = http.createServer(answerOk);
  const { drain, port } = await started(server);
  const clients = await Promise.all(Array.from({ length: 200 }, () => RawClient.connect(port)));
  await Promise.all(clients.map((client) => client.ask('/')));
  clients.forEach((client) => client.get('/'));
  drain.begin(LONG_MS);
  const answers = await Promise.all(clients.map((client) => client.answer()));
  assert.deepEqual(answers, clients.map(() => CLOSED));
  await drain.drained;
});
