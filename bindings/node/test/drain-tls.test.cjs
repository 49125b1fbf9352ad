'use strict';

const assert = require('node:assert/strict');
const { once } = require('node:events');
const fs = require('node:fs');
const http2 = require('node:http2');
const https = require('node:https');
const net = require('node:net');
const path = require('node:path');
const { test } = require('node:test');
const tls = require('node:tls');

const { Drain } = require('../lib/drain.cjs');
const { RawClient } = require('./support/raw-client.cjs');
const { Relay } = require('./support/relay.cjs');

const LONG_MS = 60_000;
/** The first goodbye is said when the drain begins. */
const AT_ONCE = { jitter: 0 };
const CLOSED = { status: 200, connection: 'close', body: 'ok' };
const KEPT = { status: 200, connection: 'keep-alive', body: 'ok' };

const fixture = (name) => fs.readFileSync(path.join(__dirname, 'fixtures', name));
const credentials = { key: fixture('localhost.key.pem'), cert: fixture('localhost.cert.pem') };
const trust = { ca: credentials.cert, servername: 'localhost' };

const answerOk = (request, response) => {
  response.setHeader('Content-Length', 2);
  response.end('ok');
};

async function started(server) {
  const drain = new Drain(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { drain, port: server.address().port };
}

async function secured(socket) {
  await once(socket, 'secureConnect');
  return new RawClient(socket);
}

/** A client whose session is up on both sides. */
async function session(server, port, scheme = 'https:') {
  const accepted = once(server, 'session');
  const client = http2.connect(`${scheme}//127.0.0.1:${port}`, trust);
  await Promise.all([accepted, once(client, 'connect')]);
  return client;
}

async function ask(client) {
  const stream = client.request({ ':path': '/' });
  stream.setEncoding('utf8');
  const [headers] = await once(stream, 'response');
  let body = '';
  for await (const text of stream) {
    body += text;
  }
  return { status: headers[':status'], body };
}

/** Node's http2 writes what was asked at the end of the turn, before it calls immediates. */
const turnInWhichItIsWritten = () => new Promise(setImmediate);

const answered = { status: 200, body: 'ok' };

test('https: a handshake that has not begun is finished and its request answered', async () => {
  const server = https.createServer(credentials, answerOk);
  const { drain, port } = await started(server);
  const accepted = once(server, 'connection');
  const socket = net.connect(port, '127.0.0.1');
  await accepted;
  drain.begin(LONG_MS, AT_ONCE);
  assert.equal(drain.sockets.length, 0, 'nothing to speak on yet');
  const client = await secured(tls.connect({ socket, ...trust }));
  assert.deepEqual(await client.ask('/'), CLOSED);
  await drain.drained;
});

test('https: an idle keep-alive connection gets one more answer', async () => {
  const server = https.createServer(credentials, answerOk);
  const { drain, port } = await started(server);
  const client = await secured(tls.connect({ port, host: '127.0.0.1', ...trust }));
  assert.deepEqual(await client.ask('/'), KEPT);
  drain.begin(LONG_MS, AT_ONCE);
  assert.equal(drain.sockets[0].encrypted, true);
  assert.deepEqual(await client.ask('/'), CLOSED);
  await drain.drained;
});

test('https: a handshake that never ends is destroyed at the deadline', async () => {
  const server = https.createServer(credentials, answerOk);
  const { drain, port } = await started(server);
  const accepted = once(server, 'connection');
  const client = await RawClient.connect(port);
  await accepted;
  drain.begin(1);
  await client.ended;
  await drain.drained;
});

test('http2: a request on its way when the drain begins is answered', async () => {
  const server = http2.createSecureServer(credentials, answerOk);
  const { drain, port } = await started(server);
  const client = await session(server, port);
  assert.deepEqual(await ask(client), answered);
  await new Promise((resolve) => client.ping(resolve));
  const onItsWay = ask(client);
  await turnInWhichItIsWritten();
  drain.begin(LONG_MS, AT_ONCE);
  assert.deepEqual(await onItsWay, answered);
  await drain.drained;
});

test('http2: a request on its way to an idle session is answered, then the session gets a GOAWAY', async () => {
  const server = http2.createSecureServer(credentials, answerOk);
  const { drain, port } = await started(server);
  const client = await session(server, port);
  assert.deepEqual(await ask(client), answered);
  drain.begin(LONG_MS, AT_ONCE);
  assert.deepEqual(await ask(client), answered);
  await once(client, 'close');
  await drain.drained;
});

test('http2: a session that stays idle gets a GOAWAY', async () => {
  const server = http2.createSecureServer(credentials, answerOk);
  const { drain, port } = await started(server);
  const client = await session(server, port);
  drain.begin(LONG_MS, AT_ONCE);
  await once(client, 'goaway');
  await drain.drained;
});

test('http2: no response is followed by a GOAWAY while a request may be on its way', async () => {
  const server = http2.createServer();
  const { drain, port } = await started(server);
  const relay = await Relay.to(port);
  const client = await session(server, relay.port, 'http:');
  const goaways = [];
  client.on('goaway', (code, last) => goaways.push(last));
  const underWay = ask(client);
  const [request, response] = await once(server, 'request');
  relay.hold();
  const onItsWay = [ask(client), ask(client)];
  await relay.holds(1);
  await turnInWhichItIsWritten();
  drain.begin(LONG_MS, AT_ONCE);
  answerOk(request, response);
  assert.deepEqual(await underWay, answered);
  server.on('request', answerOk);
  assert.deepEqual(goaways, []);
  relay.release();
  assert.deepEqual(await Promise.all(onItsWay), [answered, answered]);
  await drain.drained;
  assert.deepEqual([...new Set(goaways)], [5], 'it allows every stream');
  relay.close();
});

test('http2: a request that is held and withdrawn does not reach the program', async () => {
  const requests = [];
  const server = http2.createServer((request, response) => {
    requests.push(request.url);
    answerOk(request, response);
  });
  const { drain, port } = await started(server);
  const client = await session(server, port, 'http:');
  const withdrawn = client.request({ ':path': '/withdrawn' });
  withdrawn.close(http2.constants.NGHTTP2_CANCEL);
  drain.begin(LONG_MS, AT_ONCE);
  assert.deepEqual(await ask(client), answered);
  await drain.drained;
  assert.deepEqual(requests, ['/']);
});

test('http2: a listener that the program adds to the session of a late connection gets each request once', async () => {
  const requests = [];
  const server = http2.createServer(answerOk);
  server.on('session', (opened) => opened.on('stream', (stream, headers) => requests.push(headers[':path'])));
  const { drain, port } = await started(server);
  const relay = await Relay.to(port);
  relay.hold();
  const accepted = once(server, 'connection');
  const client = http2.connect(`http://127.0.0.1:${relay.port}`);
  const asked = ask(client);
  await accepted;
  drain.begin(LONG_MS, AT_ONCE);
  relay.release();
  assert.deepEqual(await asked, answered);
  await drain.drained;
  assert.deepEqual(requests, ['/']);
  relay.close();
});

test('http2: trailers of a request that was held reach the program', async () => {
  const server = http2.createServer();
  const received = new Promise((resolve) => {
    server.on('stream', (stream) => {
      stream.on('trailers', resolve);
      stream.resume().on('end', () => stream.respond({ ':status': 200 }, { endStream: true }));
    });
  });
  const { drain, port } = await started(server);
  const client = await session(server, port, 'http:');
  drain.begin(LONG_MS, AT_ONCE);
  const stream = client.request({ ':method': 'POST' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ checksum: 'abc' }));
  stream.resume().end('body');
  assert.equal((await received).checksum, 'abc');
  await drain.drained;
});

test('http2: the first request of a session that has sent none is answered', async () => {
  const server = http2.createSecureServer(credentials, answerOk);
  const { drain, port } = await started(server);
  const client = await session(server, port);
  drain.begin(LONG_MS, AT_ONCE);
  assert.deepEqual(await ask(client), answered);
  await drain.drained;
});

test('http2: a stream that never ends is destroyed at the deadline', async () => {
  const server = http2.createSecureServer(credentials);
  server.on('stream', (stream) => {
    stream.on('error', () => {});
    stream.respond({ ':status': 200 });
  });
  const { drain, port } = await started(server);
  const client = await session(server, port);
  const stream = client.request({ ':path': '/' });
  stream.on('error', () => {});
  await once(stream, 'response');
  drain.begin(1);
  await drain.drained;
  // Node's client does not always notice that its connection was destroyed.
  client.destroy();
});

test('http2: a server that speaks streams alone has no compatibility layer: its trailers arrive', async () => {
  const server = http2.createSecureServer(credentials);
  server.on('stream', (stream) => {
    stream.respond({ ':status': 200 }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ checksum: 'abc' }));
    stream.end('ok');
  });
  const { drain, port } = await started(server);
  const client = await session(server, port);
  const stream = client.request({ ':path': '/' }).resume();
  const [trailers] = await once(stream, 'trailers');
  assert.equal(trailers.checksum, 'abc');
  client.close();
  drain.begin(LONG_MS, AT_ONCE);
  await drain.drained;
});

test('http2: a request listener that is added later is called once, and drains', async () => {
  const server = http2.createSecureServer(credentials);
  const { drain, port } = await started(server);
  server.on('request', answerOk);
  const client = await session(server, port);
  drain.begin(LONG_MS, AT_ONCE);
  assert.deepEqual(await ask(client), answered);
  await drain.drained;
});

test('https: a client whose upload is answered early can finish it, and reads the answer', async () => {
  const server = https.createServer(credentials, (request, response) =>
    response.writeHead(401, { 'Content-Length': 2 }).end('no'));
  const { drain, port } = await started(server);
  const accepted = once(server, 'secureConnection');
  const client = await secured(tls.connect({ port, host: '127.0.0.1', ...trust }));
  await accepted;
  const errors = [];
  client.socket.on('error', ({ code }) => errors.push(code));
  drain.begin(LONG_MS, AT_ONCE);
  const upload = Buffer.alloc(3_000_000, 'x');
  client.socket.write(`POST / HTTP/1.1\r\nHost: test\r\nContent-Length: ${upload.length}\r\n\r\n`);
  client.socket.write(upload.subarray(0, 1_000_000));
  assert.deepEqual(await client.answer(), { status: 401, connection: 'close', body: 'no' });
  client.socket.end(upload.subarray(1_000_000));
  await client.ended;
  await drain.drained;
  assert.deepEqual(errors, []);
});

test('http2 with allowHTTP1: an HTTP/1 client is answered with `Connection: close`', async () => {
  const server = http2.createSecureServer({ ...credentials, allowHTTP1: true }, answerOk);
  const { drain, port } = await started(server);
  const client = await secured(tls.connect({ port, host: '127.0.0.1', ALPNProtocols: ['http/1.1'], ...trust }));
  assert.deepEqual(await client.ask('/'), KEPT);
  drain.begin(LONG_MS, AT_ONCE);
  assert.deepEqual(await client.ask('/'), CLOSED);
  await drain.drained;
});
