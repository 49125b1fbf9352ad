'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { scene } = require('./support/scene.cjs');

/** Plays the arbiter up to the grant of the next claim. */
async function grants(arbiter) {
  const { id, address } = await arbiter.receives('readyFor');
  arbiter.sends({ type: 'granted', re: id, address });
}

const takedown = (address, id = 1) => ({ type: 'takedown', id, address, reason: 'replaced', drainMs: 30_000 });

test('a claim is sent with its address, mode and the generation of the environment', async (t) => {
  const { arbiter } = await scene(t, `serverswap.readyFor(8080, { more: true });`);
  const { generation, role, client } = await arbiter.welcomes();
  assert.deepEqual({ generation, role, client }, {
    generation: '7-9',
    role: 'server',
    client: { name: 'serverswap-node', version: '0.1.0' },
  });
  const { id, ...claim } = await arbiter.receives('readyFor');
  assert.deepEqual(claim, { type: 'readyFor', address: ':8080', socket: 'bind', more: true });
});

test('a claim that waits keeps the process, and its grant lets it end', async (t) => {
  const { arbiter, program } = await scene(t, `serverswap.readyFor('mailer', () => print('granted'));`);
  await arbiter.welcomes();
  const { id, address } = await arbiter.receives('readyFor');
  await arbiter.barrier();
  arbiter.sends({ type: 'granted', re: id, address });
  assert.equal(await program.nextLine(), 'granted');
  await arbiter.receives('serving');
  await arbiter.receives('ended');
  assert.equal(await program.exit(), 0);
});

test('the 2013 form: serving is sent after the callback has returned', async (t) => {
  const { arbiter } = await scene(t, `serverswap.readyFor('mailer', () => serverswap.onTakedown('mailer', () => {}));`);
  await arbiter.welcomes();
  await grants(arbiter);
  await arbiter.receives('onTakedown');
  await arbiter.receives('serving');
});

test('serving is sent after the promise of the callback is fulfilled', async (t) => {
  const { arbiter, program } = await scene(t, `
    serverswap.readyFor('mailer', async () => {
      print('waits');
      await require('node:events').once(process.stdin.unref(), 'data');
    });
    setInterval(() => {}, 1e6);`);
  await arbiter.welcomes();
  await grants(arbiter);
  await program.nextLine();
  await arbiter.barrier();
  program.writeLine('go on');
  await arbiter.receives('serving');
});

test('serving is sent after the code behind `await readyFor` has run', async (t) => {
  const { arbiter } = await scene(t, `
    (async () => { await serverswap.readyFor('mailer'); serverswap.onTakedown('mailer', () => {}); })();`);
  await arbiter.welcomes();
  await grants(arbiter);
  await arbiter.receives('onTakedown');
  await arbiter.receives('serving');
});

test('a listen that fails in the callback ends the process before it is serving', async (t) => {
  const { arbiter, program } = await scene(t, `
    require('node:net').createServer().listen(SOCKET, () => {
      serverswap.readyFor('mailer', () => require('node:net').createServer().listen(SOCKET));
    });`);
  await arbiter.welcomes();
  await grants(arbiter);
  await arbiter.receives('ended');
  assert.equal(await program.exit(), 1);
  assert.match(await program.stderr(), /EADDRINUSE/);
});

test('with `serving: "manual"` the program reports serving', async (t) => {
  const { arbiter, program } = await scene(t, `
    serverswap.readyFor('mailer', { serving: 'manual' }, (error, grant) => {
      print(grant.address);
      process.stdin.once('data', () => grant.serving());
    });`);
  await arbiter.welcomes();
  await grants(arbiter);
  assert.equal(await program.nextLine(), 'mailer');
  await arbiter.barrier();
  program.writeLine('now');
  await arbiter.receives('serving');
});

test('a takedown callback without a parameter is done when it returns', async (t) => {
  const { arbiter } = await scene(t, `
    serverswap.onTakedown('mailer', () => {});
    serverswap.readyFor('mailer', () => setInterval(() => {}, 1e6));`);
  await arbiter.welcomes();
  await arbiter.receives('onTakedown');
  await grants(arbiter);
  await arbiter.receives('serving');
  arbiter.sends(takedown('mailer', 5));
  assert.deepEqual(await arbiter.receives('released'), { type: 'released', re: 5, address: 'mailer' });
});

test('a takedown callback with a parameter is done when it calls `done`, and gets the reason', async (t) => {
  const { arbiter, program } = await scene(t, `
    serverswap.onTakedown('mailer', (done, takedown) => {
      print(JSON.stringify(takedown));
      process.stdin.once('data', () => { done(); done(); });
    });
    serverswap.readyFor('mailer', () => {});
    setInterval(() => {}, 1e6);`);
  await arbiter.welcomes();
  await arbiter.receives('onTakedown');
  await grants(arbiter);
  await arbiter.receives('serving');
  arbiter.sends(takedown('mailer'));
  assert.deepEqual(JSON.parse(await program.nextLine()), { address: 'mailer', reason: 'replaced', drainMs: 30_000, streamMs: 30_000 });
  await arbiter.barrier();
  program.writeLine('done');
  await arbiter.receives('released');
  await arbiter.barrier();
});

test('a takedown callback that returns a promise is done when that is fulfilled', async (t) => {
  const { arbiter, program } = await scene(t, `
    serverswap.onTakedown('mailer', async () => {
      print('waits');
      await require('node:events').once(process.stdin, 'data');
    });
    serverswap.readyFor('mailer', () => {});
    setInterval(() => {}, 1e6);`);
  await arbiter.welcomes();
  await arbiter.receives('onTakedown');
  await grants(arbiter);
  await arbiter.receives('serving');
  arbiter.sends(takedown('mailer'));
  await program.nextLine();
  await arbiter.barrier();
  program.writeLine('done');
  await arbiter.receives('released');
});

test('two callbacks of one address are both called before it is released', async (t) => {
  const { arbiter, program } = await scene(t, `
    serverswap.onTakedown('mailer', () => print('first'));
    serverswap.onTakedown('mailer', () => print('second'));
    serverswap.readyFor('mailer', () => {});
    setInterval(() => {}, 1e6);`);
  await arbiter.welcomes();
  await arbiter.receives('onTakedown');
  await grants(arbiter);
  await arbiter.receives('serving');
  arbiter.sends(takedown('mailer'));
  await arbiter.receives('released');
  assert.deepEqual([await program.nextLine(), await program.nextLine()], ['first', 'second']);
});

const FAILING_CALLBACKS = {
  'that throws': `() => { throw new Error('cannot stop'); }`,
  'that takes `done` and throws before it is done': `(done) => { throw new Error('cannot stop'); }`,
  'whose promise is rejected': `async () => { throw new Error('cannot stop'); }`,
  'that takes `done` and whose promise is rejected': `async (done) => { throw new Error('cannot stop'); }`,
};

for (const [kind, callback] of Object.entries(FAILING_CALLBACKS)) {
  test(`2013: a takedown callback ${kind} releases the address, with a warning, and the process goes on`, async (t) => {
    const { arbiter, program } = await scene(t, `
      serverswap.onTakedown('mailer', ${callback});
      serverswap.readyFor('mailer', () => {});
      process.stdin.on('data', () => { print('goes on'); process.stdin.destroy(); });`);
    await arbiter.welcomes();
    await arbiter.receives('onTakedown');
    await grants(arbiter);
    await arbiter.receives('serving');
    arbiter.sends(takedown('mailer'));
    await arbiter.receives('released');
    program.writeLine('');
    assert.equal(await program.nextLine(), 'goes on');
    assert.equal(await program.exit(), 0);
    assert.match(await program.stderr(), /takedown_callback_failed[^]*`mailer` is released[^]*Error: cannot stop\n +at /);
  });
}

test('2013: a second readyFor of one resource is one claim, and each callback is called once', async (t) => {
  const { arbiter, program } = await scene(t, `
    const first = () => { print('first'); serverswap.readyFor('mailer', () => print('third')); };
    serverswap.readyFor('mailer', first);
    serverswap.readyFor('mailer', () => print('second'));
    serverswap.readyFor('mailer', first);
    process.stdin.once('data', () => { serverswap.readyFor('mailer', () => print('later')); process.stdin.destroy(); });`);
  await arbiter.welcomes();
  await grants(arbiter);
  const lines = [await program.nextLine(), await program.nextLine(), await program.nextLine()];
  assert.deepEqual(lines, ['first', 'second', 'third']);
  await arbiter.receives('serving');
  program.writeLine('');
  assert.equal(await program.nextLine(), 'later');
  await arbiter.receives('ended');
  assert.equal(await program.exit(), 0);
});

test('2013: serving is sent when every callback of the resource is done', async (t) => {
  const { arbiter, program } = await scene(t, `
    serverswap.readyFor('mailer', () => print('first'));
    serverswap.readyFor('mailer', () => require('node:events').once(process.stdin.unref(), 'data'));
    setInterval(() => {}, 1e6);`);
  await arbiter.welcomes();
  await grants(arbiter);
  await program.nextLine();
  await arbiter.barrier();
  program.writeLine('go on');
  await arbiter.receives('serving');
});

test('a resource that was released is claimed anew', async (t) => {
  const { arbiter, program } = await scene(t, `
    serverswap.onTakedown('mailer', () => {});
    serverswap.readyFor('mailer', () => print('granted'));
    process.stdin.once('data', () => serverswap.readyFor('mailer', () => print('again')));`);
  await arbiter.welcomes();
  await arbiter.receives('onTakedown');
  await grants(arbiter);
  assert.equal(await program.nextLine(), 'granted');
  await arbiter.receives('serving');
  arbiter.sends(takedown('mailer'));
  await arbiter.receives('released');
  program.writeLine('');
  await grants(arbiter);
  assert.equal(await program.nextLine(), 'again');
});

const REASONS = {
  '': 'the server gave no reason',
  "''": 'the server gave no reason',
  "'no database'": 'no database',
  "new Error('no database')": 'no database',
  '42': '42',
};

for (const [argument, reason] of Object.entries(REASONS)) {
  test(`2013: fail(${argument}) is sent as "${reason}"`, async (t) => {
    const { arbiter } = await scene(t, `serverswap.fail(${argument});`);
    await arbiter.welcomes();
    assert.deepEqual(await arbiter.receives('fail'), { type: 'fail', reason });
  });
}

test('an aborted claim is withdrawn, rejected with an AbortError, and lets the process end', async (t) => {
  const { arbiter, program } = await scene(t, `
    const controller = new AbortController();
    serverswap.readyFor('mailer', { signal: controller.signal })
      .catch((error) => print([error.name, error.code, error.cause].join()));
    process.stdin.once('data', () => { controller.abort('no longer'); process.stdin.destroy(); });`);
  await arbiter.welcomes();
  await arbiter.receives('readyFor');
  program.writeLine('abort');
  assert.deepEqual(await arbiter.receives('released'), { type: 'released', address: 'mailer' });
  assert.equal(await program.nextLine(), 'AbortError,ABORT_ERR,no longer');
  assert.equal(await program.exit(), 0);
});

test('an address whose claim was aborted can be claimed again at once', async (t) => {
  const { arbiter, program } = await scene(t, `
    const controller = new AbortController();
    serverswap.readyFor('mailer', { signal: controller.signal }).catch(() => {});
    process.stdin.once('data', () => {
      controller.abort();
      serverswap.readyFor('mailer', () => print('granted'));
      process.stdin.destroy();
    });`);
  await arbiter.welcomes();
  const first = await arbiter.receives('readyFor');
  program.writeLine('abort');
  await arbiter.receives('released');
  arbiter.sends({ type: 'granted', re: first.id, address: 'mailer' });
  await grants(arbiter);
  assert.equal(await program.nextLine(), 'granted');
});

test('a refused claim is an uncaught error for a callback that takes none', async (t) => {
  const { arbiter, program } = await scene(t, `serverswap.readyFor('mailer', () => print('granted'));`);
  await arbiter.welcomes();
  const { id } = await arbiter.receives('readyFor');
  arbiter.sends({ type: 'error', re: id, code: 'superseded', message: 'a newer one came', fatal: false });
  assert.equal(await program.exit(), 1);
  assert.match(await program.stderr(), /ServerSwapError: a newer one came[^]*code: 'superseded'/);
});

test('a refused claim ends a program that awaits it without a catch', async (t) => {
  const { arbiter, program } = await scene(t, `serverswap.readyFor('mailer');`);
  await arbiter.welcomes();
  const { id } = await arbiter.receives('readyFor');
  arbiter.sends({ type: 'error', re: id, code: 'superseded', message: 'a newer one came', fatal: false });
  assert.equal(await program.exit(), 1);
  assert.match(await program.stderr(), /ServerSwapError: a newer one came/);
});

test('a refused claim is passed to a callback that takes an error', async (t) => {
  const { arbiter, program } = await scene(t, `
    serverswap.readyFor('mailer', (error, grant) => print([error.code, error.message, typeof grant].join()));`);
  await arbiter.welcomes();
  const { id } = await arbiter.receives('readyFor');
  arbiter.sends({ type: 'error', re: id, code: 'superseded', message: 'a newer one came', fatal: false });
  assert.equal(await program.nextLine(), 'superseded,a newer one came,undefined');
  assert.equal(await program.exit(), 0);
});

test('serverUp, fail and progress are sent', async (t) => {
  const { arbiter, program } = await scene(t, `
    serverswap.onTakedown('mailer', (done) => {
      serverswap.progress('mailer', { connections: 3, extendMs: 1500 });
      serverswap.fail('no more');
      serverswap.readyFor('other').catch((error) => print(error.code));
    });
    serverswap.readyFor('mailer', { more: true }, () => serverswap.serverUp());
    setInterval(() => {}, 1e6);`);
  await arbiter.welcomes();
  await arbiter.receives('onTakedown');
  await grants(arbiter);
  await arbiter.receives('serverUp');
  await arbiter.receives('serving');
  arbiter.sends(takedown('mailer', 8));
  assert.deepEqual(await arbiter.receives('progress'), { type: 'progress', re: 8, connections: 3, extendMs: 1500 });
  assert.deepEqual(await arbiter.receives('fail'), { type: 'fail', reason: 'no more' });
  assert.equal(await program.nextLine(), 'failed');
});
