'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { RawClient } = require('./support/raw-client.cjs');
const { scene } = require('./support/scene.cjs');

const ANSWERED = { status: 200, connection: 'close', body: 'ok' };
const KEPT = { status: 200, connection: 'keep-alive', body: 'ok' };

const WORKER = require.resolve('./fixtures/cluster-worker.cjs');

const SERVER = `
  const server = require('node:http').createServer((request, response) =>
    response.setHeader('Content-Length', 2).end('ok'));`;

/** Grants the next claim with the listener of this path. */
async function grants(arbiter, path) {
  const { id, address } = await arbiter.receives('readyFor');
  arbiter.sends({ type: 'granted', re: id, address, fds: ['listener'] }, [path]);
}

/** A program up to the moment in which its `listen` is serving. */
async function serving(t, source, options) {
  const all = await scene(t, source, options);
  await all.arbiter.welcomes();
  await all.arbiter.receives('onTakedown');
  await grants(all.arbiter, all.socket);
  await all.arbiter.receives('serving');
  return all;
}

const takedown = (address, drainMs = 30_000) => ({ type: 'takedown', id: 1, address, reason: 'replaced', drainMs });

test('listen claims by inheritance, listens on the socket that it is passed and sends serving', async (t) => {
  const { arbiter, program, address, socket } = await scene(t, `${SERVER}
    serverswap.listen(server, ADDRESS, { more: true }).then((handle) => print(handle.address));`);
  await arbiter.welcomes();
  await arbiter.receives('onTakedown');
  const { id, ...claim } = await arbiter.receives('readyFor');
  assert.deepEqual(claim, { type: 'readyFor', address, socket: 'inherit', more: true });
  arbiter.sends({ type: 'granted', re: id, address, fds: ['listener'] }, [socket]);
  await arbiter.receives('serving');
  assert.equal(await program.nextLine(), address);
  const client = await RawClient.connect(socket);
  assert.deepEqual(await client.ask('/'), KEPT);
});

test('a takedown is answered at once, every connection afterwards, and the process ends by itself', async (t) => {
  const { arbiter, program, address, socket } = await serving(t, `${SERVER}
    serverswap.listen(server, ADDRESS).then((handle) => handle.drained).then(() => print('drained'));`);
  const idle = await RawClient.connect(socket);
  const silent = await RawClient.connect(socket);
  assert.deepEqual(await idle.ask('/'), KEPT);
  arbiter.sends(takedown(address));
  assert.equal((await arbiter.receives('progress')).connections, 2);
  assert.deepEqual(await arbiter.receives('released'), { type: 'released', re: 1, address });
  assert.deepEqual(await silent.ask('/'), ANSWERED);
  assert.deepEqual(await idle.ask('/'), ANSWERED);
  assert.equal(await program.nextLine(), 'drained');
  assert.equal(await program.exit(), 0);
});

test('what waits in the backlog at the takedown is left to the next server', async (t) => {
  const { arbiter, program, address, socket } = await serving(t, `${SERVER}
    serverswap.listen(server, ADDRESS).then((handle) => handle.drained).then(() => print('drained'));`);
  arbiter.sends(takedown(address));
  await arbiter.receives('progress');
  await arbiter.receives('released');
  await program.nextLine();
  const waiting = await RawClient.connect(socket);
  assert.equal(await program.exit(), 0);
  assert.equal(waiting.socket.readyState, 'open');
  waiting.socket.destroy();
});

test('progress counts down as connections close', async (t) => {
  const { arbiter, address, socket } = await serving(t, `${SERVER} serverswap.listen(server, ADDRESS);`);
  const clients = [await RawClient.connect(socket), await RawClient.connect(socket)];
  for (const client of clients) {
    await client.ask('/');
  }
  arbiter.sends(takedown(address));
  assert.equal((await arbiter.receives('progress')).connections, 2);
  await arbiter.receives('released');
  await clients[0].ask('/');
  assert.equal((await arbiter.receives('progress')).connections, 1);
  await clients[1].ask('/');
  assert.equal((await arbiter.receives('progress')).connections, 0);
});

test('at the drain deadline what is still open is closed, and the process ends', async (t) => {
  const { arbiter, program, address, socket } = await serving(t, `${SERVER} serverswap.listen(server, ADDRESS);`);
  const client = await RawClient.connect(socket);
  await client.ask('/');
  arbiter.sends(takedown(address, 1));
  await client.ended;
  assert.equal(await program.exit(), 0);
});

test('`drainTimeout` shortens the drain, and `progress` with `extendMs` lengthens it', async (t) => {
  const { arbiter, program, address, socket } = await serving(t, `${SERVER}
    serverswap.listen(server, ADDRESS, {
      drainTimeout: 1,
      onTakedown: () => serverswap.progress(ADDRESS, { extendMs: 600_000 }),
    });`);
  const client = await RawClient.connect(socket);
  await client.ask('/');
  arbiter.sends(takedown(address));
  await arbiter.receives('progress');
  await arbiter.receives('released');
  assert.equal((await arbiter.receives('progress')).extendMs, 600_000);
  assert.deepEqual(await client.ask('/'), ANSWERED);
  assert.equal(await program.exit(), 0);
});

test('the hook of listen gets the reason and the open connections, after accepting has stopped', async (t) => {
  const { arbiter, program, address, socket } = await serving(t, `
    const server = require('node:net').createServer((socket) => socket.write('HTTP/1.1 200 hello\\r\\n\\r\\n'));
    serverswap.listen(server, ADDRESS, {
      onTakedown({ reason, drainMs, connections }) {
        print([reason, drainMs, connections.length, server.listening].join());
        connections.forEach((connection) => connection.end('HTTP/1.1 200 bye\\r\\n\\r\\n'));
      },
    });`);
  const client = await RawClient.connect(socket);
  await client.answer();
  arbiter.sends(takedown(address));
  assert.equal(await program.nextLine(), 'replaced,30000,1,false');
  assert.equal((await client.answer()).status, 200);
  assert.equal(await program.exit(), 0);
});

test('a hook of listen that throws disturbs no drain', async (t) => {
  const { arbiter, program, address, socket } = await serving(t, `${SERVER}
    serverswap.listen(server, ADDRESS, { onTakedown: async () => { throw new Error('cannot stop'); } });`);
  const client = await RawClient.connect(socket);
  await client.ask('/');
  arbiter.sends(takedown(address));
  await arbiter.receives('progress');
  await arbiter.receives('released');
  assert.deepEqual(await client.ask('/'), ANSWERED);
  assert.equal(await program.exit(), 0);
  assert.match(await program.stderr(), /takedown_callback_failed[^]*Error: cannot stop/);
});

test('a program that closes its server releases the address', async (t) => {
  const { arbiter, program, address } = await serving(t, `${SERVER}
    serverswap.listen(server, ADDRESS).then(() => server.close(() => print('closed')));`);
  assert.deepEqual(await arbiter.receives('released'), { type: 'released', address });
  assert.equal(await program.nextLine(), 'closed');
  assert.equal(await program.exit(), 0);
});

/** Makes each close of a listening socket wait for a line on stdin. */
const SLOW_CLOSE = `
  const { prototype } = require('node:net').Server;
  const { close } = prototype;
  prototype.close = function (...args) {
    print('closes');
    require('node:fs').readSync(0, Buffer.alloc(1));
    return close.apply(this, args);
  };`;

const STOPS = [
  { when: 'at a takedown', source: '', isTakenDown: true },
  { when: 'when the program closes its server', source: 'server.close()', isTakenDown: false },
  { when: 'when the program closes its handle', source: 'handle.close()', isTakenDown: false },
];

for (const { when, source, isTakenDown } of STOPS) {
  test(`${when}, the listening socket is closed before the address is released`, async (t) => {
    const { arbiter, program, address } = await serving(t, `${SLOW_CLOSE} ${SERVER}
      serverswap.listen(server, ADDRESS).then((handle) => { ${source} });`);
    if (isTakenDown) {
      arbiter.sends(takedown(address));
    }
    assert.equal(await program.nextLine(), 'closes');
    await arbiter.barrier();
    program.writeLine('go on');
    if (isTakenDown) {
      await arbiter.receives('progress');
    }
    await arbiter.receives('released');
    assert.equal(await program.exit(), 0);
  });
}

test('a program that closes its handle releases the address and drains', async (t) => {
  const { arbiter, program, address, socket } = await serving(t, `${SERVER}
    serverswap.listen(server, ADDRESS).then((handle) =>
      process.stdin.once('data', () => { handle.close().then(() => print('drained')); process.stdin.destroy(); }));`);
  const client = await RawClient.connect(socket);
  await client.ask('/');
  program.writeLine('close');
  assert.deepEqual(await arbiter.receives('released'), { type: 'released', address });
  assert.deepEqual(await client.ask('/'), ANSWERED);
  assert.equal(await program.nextLine(), 'drained');
  assert.equal(await program.exit(), 0);
});

test('server.close() while it drains closes no idle connection', async (t) => {
  const { arbiter, program, address, socket } = await serving(t, `${SERVER}
    serverswap.listen(server, ADDRESS, { onTakedown: () => server.close(() => print('closed')) });`);
  const client = await RawClient.connect(socket);
  await client.ask('/');
  arbiter.sends(takedown(address));
  await arbiter.receives('progress');
  await arbiter.receives('released');
  assert.deepEqual(await client.ask('/'), ANSWERED);
  assert.equal(await program.nextLine(), 'closed');
  assert.equal(await program.exit(), 0);
});

test('a takedown that comes before the server listens is answered, and the process ends', async (t) => {
  const { arbiter, program, address, socket } = await scene(t, `${SERVER}
    serverswap.listen(server, ADDRESS).then((handle) => handle.drained).then(() => print('drained'));`);
  await arbiter.welcomes();
  await arbiter.receives('onTakedown');
  const { id } = await arbiter.receives('readyFor');
  arbiter.sends({ type: 'granted', re: id, address, fds: ['listener'] }, [socket]);
  arbiter.sends(takedown(address));
  assert.equal(await program.nextLine(), 'drained');
  assert.equal(await program.exit(), 0);
});

test('the long way: readyFor gives a listener for server.listen', async (t) => {
  const { arbiter, program, socket, address } = await scene(t, `${SERVER}
    serverswap.onTakedown(ADDRESS, () => { server.close(); print('taken'); });
    serverswap.readyFor(ADDRESS, { inherit: true }, (error, listener) =>
      server.listen(listener, () => listener.serving()));`);
  await arbiter.welcomes();
  await arbiter.receives('onTakedown');
  await grants(arbiter, socket);
  await arbiter.receives('serving');
  const client = await RawClient.connect(socket);
  assert.deepEqual(await client.ask('/'), KEPT);
  arbiter.sends(takedown(address));
  await arbiter.receives('released');
  assert.equal(await program.nextLine(), 'taken');
  assert.equal(await program.exit(), 0);
});

test('a server that listens somewhere else is refused before it is serving, and stops', async (t) => {
  const { arbiter, program, socket, address } = await scene(t, `${SERVER}
    const { listen } = server;
    server.listen = () => listen.call(server, 0, '127.0.0.1');
    serverswap.listen(server, ADDRESS).catch((error) => print([error.code, error.message, server.listening].join()));`);
  await arbiter.welcomes();
  await arbiter.receives('onTakedown');
  await grants(arbiter, socket);
  assert.deepEqual(await arbiter.receives('released'), { type: 'released', address });
  assert.match(await program.nextLine(), /^listens_elsewhere,the server was given the socket of `unix:.*` and listens on port \d+ of 127\.0\.0\.1;/);
  assert.match(await program.nextLine(), /^hint: .*,false$/);
  assert.equal(await program.exit(), 0);
});

for (const report of ['listener.serving()', 'serverswap.serving(ADDRESS)']) {
  test(`${report} is refused as long as no server has taken the descriptor`, async (t) => {
    const { arbiter, program, socket } = await scene(t, `${SERVER}
      serverswap.readyFor(ADDRESS, { inherit: true }, (error, listener) => {
        try { ${report}; } catch (error) { print(error.code); }
        server.listen(listener, () => ${report});
      });`);
    await arbiter.welcomes();
    await grants(arbiter, socket);
    assert.equal(await program.nextLine(), 'not_listening');
    await arbiter.receives('serving');
  });
}

test('a listener that is closed unused releases the address and leaves no descriptor', async (t) => {
  const { arbiter, program, socket, address } = await scene(t, `
    const open = () => require('node:fs').readdirSync('/proc/self/fd').length;
    (async () => {
      const listener = await serverswap.readyFor(ADDRESS, { inherit: true });
      const during = open();
      listener.close();
      print(during - open());
    })();`);
  await arbiter.welcomes();
  await grants(arbiter, socket);
  assert.deepEqual(await arbiter.receives('released'), { type: 'released', address });
  assert.equal(await program.nextLine(), '2', 'its own, and the one of the connection');
});

test('a cluster worker listens on the descriptor of its own claim', async (t) => {
  const { arbiter, program, socket } = await serving(t, `
    const cluster = require('node:cluster');
    cluster.setupPrimary({ exec: ${JSON.stringify(WORKER)}, args: [ADDRESS], execArgv: [] });
    const worker = cluster.fork();
    process.stdin.once('data', () => { worker.kill(); process.stdin.destroy(); });`);
  const client = await RawClient.connect(socket);
  assert.deepEqual(await client.ask('/'), KEPT);
  program.writeLine('kill');
  await arbiter.receives('ended');
  assert.equal(await program.exit(), 0);
});

test('a cluster worker that was taken down ends when it has drained, and its primary knows that it did so on purpose', async (t) => {
  const { arbiter, program, address, socket } = await serving(t, `
    const cluster = require('node:cluster');
    cluster.setupPrimary({ exec: ${JSON.stringify(WORKER)}, args: [ADDRESS], execArgv: [] });
    cluster.fork().on('exit', function (code) { print([code, this.exitedAfterDisconnect].join()); });`);
  const client = await RawClient.connect(socket);
  assert.deepEqual(await client.ask('/'), KEPT);
  arbiter.sends(takedown(address));
  assert.equal((await arbiter.receives('progress')).connections, 1);
  await arbiter.receives('released');
  assert.deepEqual(await client.ask('/'), ANSWERED);
  assert.equal(await program.nextLine(), '0,true');
  assert.equal(await program.exit(), 0);
});

test('a cluster worker goes on after a takedown as long as something keeps it', async (t) => {
  const { arbiter, program, address } = await serving(t, `
    const cluster = require('node:cluster');
    cluster.setupPrimary({ exec: ${JSON.stringify(WORKER)}, args: [ADDRESS, 'busy'], execArgv: [] });
    const worker = cluster.fork().on('message', print);
    process.stdin.once('data', () => { worker.send('end'); process.stdin.destroy(); });`);
  arbiter.sends(takedown(address));
  await arbiter.receives('progress');
  await arbiter.receives('released');
  assert.equal(await program.nextLine(), 'drained');
  await arbiter.barrier();
  program.writeLine('');
  assert.equal(await program.exit(), 0);
});

test('a cluster worker whose claim is superseded ends after a pause, so that its primary does not fork without one', async (t) => {
  const { arbiter, program } = await scene(t, `
    const cluster = require('node:cluster');
    cluster.setupPrimary({ exec: ${JSON.stringify(WORKER)}, args: [ADDRESS], execArgv: [], silent: true });
    cluster.fork().on('exit', (code) => print(code));`);
  await arbiter.welcomes();
  await arbiter.receives('onTakedown');
  const { id } = await arbiter.receives('readyFor');
  const began = performance.now();
  arbiter.sends({ type: 'error', re: id, code: 'superseded', message: 'a newer one came', fatal: false });
  assert.equal(await program.nextLine(), '1');
  assert.ok(performance.now() - began >= 1_000);
  assert.equal(await program.exit(), 0);
});

test('a server that claims its address again while it still drains is not disturbed by that', async (t) => {
  const { arbiter, program, address, socket } = await serving(t, `${SERVER}
    serverswap.listen(server, ADDRESS, {
      onTakedown: () => serverswap.readyFor(ADDRESS, (error) => print(error.code)),
    });`);
  const client = await RawClient.connect(socket);
  await client.ask('/');
  arbiter.sends(takedown(address));
  await arbiter.receives('progress');
  await arbiter.receives('released');
  const { id } = await arbiter.receives('readyFor');
  assert.deepEqual(await client.ask('/'), ANSWERED);
  await client.ended;
  arbiter.sends({ type: 'error', re: id, code: 'superseded', message: 'a newer one came', fatal: false });
  assert.equal(await program.nextLine(), 'superseded');
  assert.equal(await program.exit(), 0);
});

test('a handle that nobody keeps is not collected: its takedown is answered', async (t) => {
  const source = `${SERVER} serverswap.listen(server, ADDRESS).then(() => { gc(); print('collected'); });`;
  const { arbiter, program, address } = await serving(t, source, { flags: ['--expose-gc'] });
  await program.nextLine();
  arbiter.sends(takedown(address));
  await arbiter.receives('progress');
  await arbiter.receives('released');
  assert.equal(await program.exit(), 0);
});
