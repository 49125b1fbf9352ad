'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { PACKAGE, Program } = require('./support/program.cjs');
const { RawClient } = require('./support/raw-client.cjs');
const { scene } = require('./support/scene.cjs');

/** Starts a worker thread whose source has the names of the main thread. */
const WORKER = `
  const { Worker } = require('node:worker_threads');
  const thread = (source) => new Worker(
    'const serverswap = require(${JSON.stringify(PACKAGE)}); const ADDRESS = ' + JSON.stringify(ADDRESS) + ';' + source,
    { eval: true });`;

const SERVE = `
  const server = require('node:http').createServer((request, response) =>
    response.setHeader('Content-Length', 2).end('ok'));
  serverswap.listen(server, ADDRESS);`;

async function serving(t, source) {
  const all = await scene(t, source);
  await all.arbiter.welcomes();
  await all.arbiter.receives('onTakedown');
  const { id, address } = await all.arbiter.receives('readyFor');
  all.arbiter.sends({ type: 'granted', re: id, address, fds: ['listener'] }, [all.socket]);
  await all.arbiter.receives('serving');
  return all;
}

test('a worker thread serves, and its takedown reaches it', async (t) => {
  const { arbiter, program, address, socket } = await serving(t, `${WORKER} thread(${JSON.stringify(SERVE)});`);
  const client = await RawClient.connect(socket);
  assert.equal((await client.ask('/')).body, 'ok');
  arbiter.sends({ type: 'takedown', id: 1, address, reason: 'replaced', drainMs: 30_000 });
  await arbiter.receives('progress');
  await arbiter.receives('released');
  assert.equal((await client.ask('/')).connection, 'close');
  assert.equal(await program.exit(), 0);
});

test('two threads share the one connection of the process', async (t) => {
  const { arbiter, program } = await scene(t, `${WORKER}
    serverswap.readyFor('first').then(() => {
      thread("serverswap.readyFor('second', () => console.log('granted in the thread'))");
    });`);
  await arbiter.welcomes();
  for (const expected of ['first', 'second']) {
    const { id, address } = await arbiter.receives('readyFor');
    assert.equal(address, expected);
    arbiter.sends({ type: 'granted', re: id, address });
    await arbiter.receives('serving');
  }
  assert.equal(await program.nextLine(), 'granted in the thread');
  assert.equal(await program.exit(), 0);
});

test('an address that another thread claims is refused', async (t) => {
  const { arbiter, program } = await scene(t, `${WORKER}
    serverswap.readyFor('mailer').catch(() => {});
    thread("serverswap.readyFor('mailer').catch((error) => console.log(error.code))")
      .on('exit', () => process.exit(7));`);
  await arbiter.welcomes();
  await arbiter.receives('readyFor');
  assert.equal(await program.nextLine(), 'already_claimed');
  assert.equal(await program.exit(), 7);
});

test('a worker thread that is terminated releases what it holds', async (t) => {
  const { arbiter, program, address } = await serving(t, `${WORKER}
    const worker = thread(${JSON.stringify(SERVE)});
    process.stdin.once('data', async () => { await worker.terminate(); print('terminated'); process.stdin.destroy(); });`);
  program.writeLine('terminate');
  assert.deepEqual(await arbiter.receives('released'), { type: 'released', address });
  assert.equal(await program.nextLine(), 'terminated');
  assert.equal(await program.exit(), 0);
});

test('a worker thread that is terminated withdraws what it claims', async (t) => {
  const { arbiter, program } = await scene(t, `${WORKER}
    const worker = thread("serverswap.readyFor('mailer')");
    let terminated;
    process.stdin.on('data', () => {
      if (terminated) terminated.then(() => process.stdin.destroy());
      else terminated = worker.terminate();
    });`);
  await arbiter.welcomes();
  await arbiter.receives('readyFor');
  program.writeLine('terminate');
  assert.deepEqual(await arbiter.receives('released'), { type: 'released', address: 'mailer' });
  // A process that ends at once withdraws everything by its end, and may say nothing more.
  program.writeLine('end');
  assert.equal(await program.exit(), 0);
});

test('a hundred worker threads that are terminated at any moment crash nothing', async () => {
  const program = new Program(`
    const ADDRESS = 'unused'; ${WORKER}
    const busy = "for (let i = 0; ; i++) serverswap.readyFor('n' + i, () => {});";
    const claims = "for (let i = 0; i < 50; i++) serverswap.readyFor('n' + i).catch(() => {}); setInterval(() => {}, 1e6)";
    (async () => {
      for (let i = 0; i < 50; i++) {
        const pair = [thread(i % 2 ? claims : busy), thread('setInterval(() => {}, 1e6)')];
        await Promise.all(pair.map((worker) => new Promise((resolve) => worker.once('online', resolve))));
        await Promise.all(pair.map((worker) => worker.terminate()));
      }
      print('alive');
    })();`);
  assert.equal(await program.nextLine(), 'alive');
  assert.equal(await program.exit(), 0);
});
