'use strict';

const assert = require('node:assert/strict');
const { once } = require('node:events');
const http = require('node:http');
const http2 = require('node:http2');
const net = require('node:net');
const { test } = require('node:test');

const { Drain } = require('../lib/drain.cjs');
const { Goodbyes } = require('../lib/goodbyes.cjs');
const { RawClient } = require('./support/raw-client.cjs');

const LONG_MS = 60_000;
const EVENT_SOURCE = { headers: { accept: 'text/event-stream' } };

async function started(server) {
  const drain = new Drain(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { drain, port: server.address().port };
}

/** A server whose answer is an event stream, with the response of its only client. */
async function streaming(options) {
  const server = http.createServer((request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' }).write('data: hello\n\n');
  });
  const { drain, port } = await started(server);
  const asked = once(server, 'request');
  const agent = new http.Agent({ keepAlive: true });
  const request = http.request({ port, host: '127.0.0.1', agent, ...options }).end();
  const [[, response], [answer]] = await Promise.all([asked, once(request, 'response')]);
  answer.setEncoding('utf8').on('error', () => {});
  answer.text = '';
  answer.on('data', (text) => (answer.text += text));
  return { drain, response, answer, agent };
}

/** Tells some stand-ins of connections goodbye; returns their names as they were told. */
function told(connections, drainMs) {
  return new Promise((resolve) => {
    const names = [];
    // A drain keeps no event loop alive; here no connection does.
    const alive = setTimeout(() => {}, LONG_MS);
    const goodbyes = new Goodbyes({
      drainMs,
      silentAfterMs: drainMs / 10,
      jitter: 0.5,
      find: () => connections.filter(({ socket }) => !names.includes(socket)),
      silentMs: (socket) => connections.find((connection) => connection.socket === socket).silentMs,
      say: ({ socket }) => {
        names.push(socket);
        if (names.length === connections.filter(({ isNeverTold }) => !isNeverTold).length) {
          goodbyes.stop();
          clearTimeout(alive);
          resolve(names);
        }
      },
    });
  });
}

const living = (socket, silentMs, more) => ({ socket, silentMs, isOpen: () => true, ...more });

test('those that are silent are told goodbye first, and each once', async () => {
  const connections = [living('chats', 0), living('idle', 900), living('idle for long', 5_000), living('slow', 20)];
  assert.deepEqual(await told(connections, 400), ['idle for long', 'idle', 'slow', 'chats']);
});

test('a response that flows is not told, and neither is a connection that has ended', async () => {
  const flows = living('flows', 0, { waitsForSilence: true, isNeverTold: true });
  const ended = living('ended', 100, { isOpen: () => false, isNeverTold: true });
  const silent = living('silent', 100, { waitsForSilence: true });
  assert.deepEqual(await told([flows, ended, silent], 400), ['silent']);
});

test('an event stream that is silent ends, with its connection, and what the program writes then does no harm', async () => {
  const { drain, response, answer } = await streaming(EVENT_SOURCE);
  const ended = once(answer, 'end');
  drain.begin(2_000, { jitter: 0 });
  await ended;
  response.write('data: late\n\n');
  response.end('late');
  await drain.drained;
  assert.deepEqual([answer.complete, answer.text], [true, 'data: hello\n\n']);
});

test('an event stream of a client that does not come back is finished', async () => {
  const { drain, response, answer, agent } = await streaming({ method: 'POST', ...EVENT_SOURCE });
  const kinds = [];
  drain.begin(LONG_MS, { jitter: 0, goodbye: ({ kind }) => kinds.push(kind) });
  response.end('data: the rest\n\n');
  await once(answer, 'end');
  assert.deepEqual([answer.complete, answer.text], [true, 'data: hello\n\ndata: the rest\n\n']);
  agent.destroy();
  await drain.drained;
  assert.deepEqual(kinds, []);
});

test('an event stream that flows until the deadline is cut, and its client told when to come back', async () => {
  const { drain, response, answer } = await streaming(EVENT_SOURCE);
  const flow = setInterval(() => response.write('data: more\n\n'), 5);
  const closed = new Promise((resolve) => answer.once('close', resolve));
  drain.begin(1_000, { jitter: 0 });
  await Promise.all([closed, drain.drained]);
  clearInterval(flow);
  assert.match(answer.text, /data: more\n\nretry: \d{4,5}\n\n$/);
  assert.equal(answer.complete, false);
});

test('http2: an event stream ends when its session has had its GOAWAY', async () => {
  const server = http2.createServer((request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: hello\n\n');
  });
  const { drain, port } = await started(server);
  const client = http2.connect(`http://127.0.0.1:${port}`);
  const stream = client.request({ ':path': '/', accept: 'text/event-stream' });
  await once(stream, 'response');
  const happened = [];
  client.once('goaway', () => happened.push('goaway'));
  stream.resume().once('end', () => happened.push('end'));
  drain.begin(2_000, { jitter: 0 });
  await drain.drained;
  assert.deepEqual(happened, ['goaway', 'end']);
});

test('http2: each of several sessions gets its GOAWAY', async () => {
  const { drain, port } = await started(http2.createServer());
  const clients = [1, 2, 3].map(() => http2.connect(`http://127.0.0.1:${port}`));
  await Promise.all(clients.map((client) => once(client, 'remoteSettings')));
  const goaways = clients.map((client) => once(client, 'goaway'));
  drain.begin(LONG_MS, { jitter: 0 });
  await Promise.all([...goaways, drain.drained]);
});

test('the program says goodbye to what is upgraded by a protocol of its own', async () => {
  const server = http.createServer();
  server.on('upgrade', (request, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
  });
  const { drain, port } = await started(server);
  const client = await RawClient.connect(port);
  assert.equal((await client.ask('/', 'Connection: Upgrade', 'Upgrade: echo')).status, 101);
  const goodbye = ({ kind, request, socket, end }) => {
    socket.write(`HTTP/1.1 200 ${kind}\r\nContent-Length: 1\r\n\r\n${request.url}`);
    end();
  };
  drain.begin(LONG_MS, { jitter: 0, goodbye });
  assert.deepEqual(await client.answer(), { status: 200, connection: undefined, body: '/' });
  client.socket.end();
  await drain.drained;
});

test('the program answers a long poll when its time has come', async () => {
  const server = http.createServer();
  const { drain, port } = await started(server);
  const client = await RawClient.connect(port);
  const asked = once(server, 'request');
  client.get('/');
  await asked;
  const goodbye = ({ kind, response }) => response.setHeader('Content-Length', kind.length).end(kind);
  drain.begin(2_000, { jitter: 0, goodbye });
  assert.deepEqual(await client.answer(), { status: 200, connection: 'close', body: 'request' });
  await drain.drained;
});

test('the program says goodbye on the connections of a server that is not of HTTP', async () => {
  const server = net.createServer();
  const { drain, port } = await started(server);
  const accepted = once(server, 'connection');
  const client = await RawClient.connect(port);
  await accepted;
  drain.begin(LONG_MS, { jitter: 0, goodbye: ({ kind, socket }) => socket.end(`HTTP/1.1 200 ${kind}\r\n\r\n`) });
  assert.equal((await client.answer()).status, 200);
  client.socket.end();
  await drain.drained;
});

test('an answer that flows lives on until the limit of streams, and a silent one ends at that of the drain', async () => {
  const [flowing, silent] = [await streaming({ method: 'POST' }), await streaming({ method: 'POST' })];
  const flow = setInterval(() => flowing.response.write('data: more\n\n'), 5);
  let asked = 0;
  const options = { jitter: 0, streamMs: LONG_MS, onFlow: () => (asked += 1) };
  silent.drain.begin(1_500, options);
  flowing.drain.begin(1_500, options);
  await silent.drain.drained;
  while (asked === 0) {
    await new Promise(setImmediate);
  }
  clearInterval(flow);
  flowing.response.end('data: the end\n\n');
  await once(flowing.answer, 'end');
  assert.deepEqual([flowing.answer.complete, silent.answer.complete, asked], [true, false, 1]);
  flowing.agent.destroy();
  await flowing.drain.drained;
});

test('an answer that flows beyond the limit of streams is cut', async () => {
  const { drain, response, answer } = await streaming({ method: 'POST' });
  const flow = setInterval(() => response.write('data: more\n\n'), 5);
  const cuts = [];
  const closed = new Promise((resolve) => answer.once('close', resolve));
  drain.begin(100, { jitter: 0, streamMs: 500, onCut: (cut) => cuts.push(cut) });
  await Promise.all([closed, drain.drained]);
  clearInterval(flow);
  assert.deepEqual([answer.complete, cuts], [false, [1]]);
});
