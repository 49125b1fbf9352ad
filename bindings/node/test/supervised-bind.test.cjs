'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { scene } = require('./support/scene.cjs');

/** Plays the arbiter up to the grant of the next claim. */
async function grants(arbiter) {
  const { id, address } = await arbiter.hears('readyFor');
  arbiter.says({ type: 'granted', re: id, address });
}

const takedown = (address, id = 1) => ({ type: 'takedown', id, address, reason: 'replaced', drainMs: 30_000 });

test('a claim is said with its address, mode and the generation of the environment', async (t) => {
  const { arbiter } = await scene(t, `serverswap.readyFor(8080, { more: true });`);
  const { generation, role, client } = await arbiter.welcomes();
  assert.deepEqual({ generation, role, client }, {
    generation: '7-9',
    role: 'server',
    client: { name: 'serverswap-node', version: '0.1.0' },
  });
  const { id, ...claim } = await arbiter.hears('readyFor');
  assert.deepEqual(claim, { type: 'readyFor', address: ':8080', socket: 'bind', more: true });
});

test('a claim that waits keeps the process, and its grant lets it end', async (t) => {
  const { arbiter, program } = await scene(t, `serverswap.readyFor('mailer', () => say('granted'));`);
  await arbiter.welcomes();
  const { id, address } = await arbiter.hears('readyFor');
  await arbiter.barrier();
  arbiter.says({ type: 'granted', re: id, address });
  assert.equal(await program.hears(), 'granted');
  await arbiter.hears('serving');
  await arbiter.hears('ended');
  assert.equal(await program.exit(), 0);
});

test('the 2013 form: serving is said after the callback has returned', async (t) => {
  const { arbiter } = await scene(t, `serverswap.readyFor('mailer', () => serverswap.onTakedown('mailer', () => {}));`);
  await arbiter.welcomes();
  await grants(arbiter);
  await arbiter.hears('onTakedown');
  await arbiter.hears('serving');
});

test('serving is said after the promise of the callback is fulfilled', async (t) => {
  const { arbiter, program } = await scene(t, `
    serverswap.readyFor('mailer', async () => {
      say('waits');
      await require('node:events').once(process.stdin.unref(), 'data');
    });
    setInterval(() => {}, 1e6);`);
  await arbiter.welcomes();
  await grants(arbiter);
  await program.hears();
  await arbiter.barrier();
  program.tell('go on');
  await arbiter.hears('serving');
});

test('serving is said after the code behind `await readyFor` has run', async (t) => {
  const { arbiter } = await scene(t, `
    (async () => { await serverswap.readyFor('mailer'); serverswap.onTakedown('mailer', () => {}); })();`);
  await arbiter.welcomes();
  await grants(arbiter);
  await arbiter.hears('onTakedown');
  await arbiter.hears('serving');
});

test('a listen that fails in the callback ends the process before it is serving', async (t) => {
  const { arbiter, program } = await scene(t, `
    require('node:net').createServer().listen(SOCKET, () => {
      serverswap.readyFor('mailer', () => require('node:net').createServer().listen(SOCKET));
    });`);
  await arbiter.welcomes();
  await grants(arbiter);
  await arbiter.hears('ended');
  assert.equal(await program.exit(), 1);
  assert.match(await program.stderr(), /EADDRINUSE/);
});

test('with `serving: "manual"` the program says it', async (t) => {
  const { arbiter, program } = await scene(t, `
    serverswap.readyFor('mailer', { serving: 'manual' }, (error, grant) => {
      say(grant.address);
      process.stdin.once('data', () => grant.serving());
    });`);
  await arbiter.welcomes();
  await grants(arbiter);
  assert.equal(await program.hears(), 'mailer');
  await arbiter.barrier();
  program.tell('now');
  await arbiter.hears('serving');
});

test('a takedown callback without a parameter is done when it returns', async (t) => {
  const { arbiter } = await scene(t, `
    serverswap.onTakedown('mailer', () => {});
    serverswap.readyFor('mailer', () => setInterval(() => {}, 1e6));`);
  await arbiter.welcomes();
  await arbiter.hears('onTakedown');
  await grants(arbiter);
  await arbiter.hears('serving');
  arbiter.says(takedown('mailer', 5));
  assert.deepEqual(await arbiter.hears('released'), { type: 'released', re: 5, address: 'mailer' });
});

test('a takedown callback with a parameter is done when it says so, and told why', async (t) => {
  const { arbiter, program } = await scene(t, `
    serverswap.onTakedown('mailer', (done, takedown) => {
      say(JSON.stringify(takedown));
      process.stdin.once('data', () => { done(); done(); });
    });
    serverswap.readyFor('mailer', () => {});
    setInterval(() => {}, 1e6);`);
  await arbiter.welcomes();
  await arbiter.hears('onTakedown');
  await grants(arbiter);
  await arbiter.hears('serving');
  arbiter.says(takedown('mailer'));
  assert.deepEqual(JSON.parse(await program.hears()), { address: 'mailer', reason: 'replaced', drainMs: 30_000 });
  await arbiter.barrier();
  program.tell('done');
  await arbiter.hears('released');
  await arbiter.barrier();
});

test('a takedown callback that returns a promise is done when that is fulfilled', async (t) => {
  const { arbiter, program } = await scene(t, `
    serverswap.onTakedown('mailer', async () => {
      say('waits');
      await require('node:events').once(process.stdin, 'data');
    });
    serverswap.readyFor('mailer', () => {});
    setInterval(() => {}, 1e6);`);
  await arbiter.welcomes();
  await arbiter.hears('onTakedown');
  await grants(arbiter);
  await arbiter.hears('serving');
  arbiter.says(takedown('mailer'));
  await program.hears();
  await arbiter.barrier();
  program.tell('done');
  await arbiter.hears('released');
});

test('two callbacks of one address are both called before it is released', async (t) => {
  const { arbiter, program } = await scene(t, `
    serverswap.onTakedown('mailer', () => say('first'));
    serverswap.onTakedown('mailer', () => say('second'));
    serverswap.readyFor('mailer', () => {});
    setInterval(() => {}, 1e6);`);
  await arbiter.welcomes();
  await arbiter.hears('onTakedown');
  await grants(arbiter);
  await arbiter.hears('serving');
  arbiter.says(takedown('mailer'));
  await arbiter.hears('released');
  assert.deepEqual([await program.hears(), await program.hears()], ['first', 'second']);
});

test('a takedown callback that throws ends the process, and nothing is released', async (t) => {
  const { arbiter, program } = await scene(t, `
    serverswap.onTakedown('mailer', () => { throw new Error('cannot stop'); });
    serverswap.readyFor('mailer', () => {});
    setInterval(() => {}, 1e6);`);
  await arbiter.welcomes();
  await arbiter.hears('onTakedown');
  await grants(arbiter);
  await arbiter.hears('serving');
  arbiter.says(takedown('mailer'));
  await arbiter.hears('ended');
  assert.equal(await program.exit(), 1);
  assert.match(await program.stderr(), /cannot stop/);
});

test('an aborted claim is withdrawn, rejected with an AbortError, and lets the process end', async (t) => {
  const { arbiter, program } = await scene(t, `
    const controller = new AbortController();
    serverswap.readyFor('mailer', { signal: controller.signal })
      .catch((error) => say([error.name, error.code, error.cause].join()));
    process.stdin.once('data', () => { controller.abort('no longer'); process.stdin.destroy(); });`);
  await arbiter.welcomes();
  await arbiter.hears('readyFor');
  program.tell('abort');
  assert.deepEqual(await arbiter.hears('released'), { type: 'released', address: 'mailer' });
  assert.equal(await program.hears(), 'AbortError,ABORT_ERR,no longer');
  assert.equal(await program.exit(), 0);
});

test('an address whose claim was aborted can be claimed again at once', async (t) => {
  const { arbiter, program } = await scene(t, `
    const controller = new AbortController();
    serverswap.readyFor('mailer', { signal: controller.signal }).catch(() => {});
    process.stdin.once('data', () => {
      controller.abort();
      serverswap.readyFor('mailer', () => say('granted'));
      process.stdin.destroy();
    });`);
  await arbiter.welcomes();
  const first = await arbiter.hears('readyFor');
  program.tell('abort');
  await arbiter.hears('released');
  arbiter.says({ type: 'granted', re: first.id, address: 'mailer' });
  await grants(arbiter);
  assert.equal(await program.hears(), 'granted');
});

test('a refused claim is an uncaught error for a callback that takes none', async (t) => {
  const { arbiter, program } = await scene(t, `serverswap.readyFor('mailer', () => say('granted'));`);
  await arbiter.welcomes();
  const { id } = await arbiter.hears('readyFor');
  arbiter.says({ type: 'error', re: id, code: 'superseded', message: 'a newer one came', fatal: false });
  assert.equal(await program.exit(), 1);
  assert.match(await program.stderr(), /ServerSwapError: a newer one came[^]*code: 'superseded'/);
});

test('a refused claim ends a program that awaits it without a catch', async (t) => {
  const { arbiter, program } = await scene(t, `serverswap.readyFor('mailer');`);
  await arbiter.welcomes();
  const { id } = await arbiter.hears('readyFor');
  arbiter.says({ type: 'error', re: id, code: 'superseded', message: 'a newer one came', fatal: false });
  assert.equal(await program.exit(), 1);
  assert.match(await program.stderr(), /ServerSwapError: a newer one came/);
});

test('a refused claim is handed to a callback that takes an error', async (t) => {
  const { arbiter, program } = await scene(t, `
    serverswap.readyFor('mailer', (error, grant) => say([error.code, error.message, typeof grant].join()));`);
  await arbiter.welcomes();
  const { id } = await arbiter.hears('readyFor');
  arbiter.says({ type: 'error', re: id, code: 'superseded', message: 'a newer one came', fatal: false });
  assert.equal(await program.hears(), 'superseded,a newer one came,undefined');
  assert.equal(await program.exit(), 0);
});

test('serverUp, fail and progress are said', async (t) => {
  const { arbiter, program } = await scene(t, `
    serverswap.onTakedown('mailer', (done) => {
      serverswap.progress('mailer', { connections: 3, extendMs: 1500 });
      serverswap.fail('no more');
      serverswap.readyFor('other').catch((error) => say(error.code));
    });
    serverswap.readyFor('mailer', { more: true }, () => serverswap.serverUp());
    setInterval(() => {}, 1e6);`);
  await arbiter.welcomes();
  await arbiter.hears('onTakedown');
  await grants(arbiter);
  await arbiter.hears('serverUp');
  await arbiter.hears('serving');
  arbiter.says(takedown('mailer', 8));
  assert.deepEqual(await arbiter.hears('progress'), { type: 'progress', re: 8, connections: 3, extendMs: 1500 });
  assert.deepEqual(await arbiter.hears('fail'), { type: 'fail', reason: 'no more' });
  assert.equal(await program.hears(), 'failed');
});
