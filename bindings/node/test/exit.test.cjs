'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { Program } = require('./support/program.cjs');
const { scene } = require('./support/scene.cjs');

test('process.exit in the callback of a claim ends the process with its status', async (t) => {
  const { arbiter, program } = await scene(t, `serverswap.readyFor('mailer', () => process.exit(7));`);
  await arbiter.welcomes();
  const { id, address } = await arbiter.receives('readyFor');
  arbiter.sends({ type: 'granted', re: id, address });
  assert.equal(await program.exit(), 7);
});

test('process.exit in a takedown callback ends the process with its status', async (t) => {
  const { arbiter, program } = await scene(t, `
    serverswap.onTakedown('mailer', () => process.exit(7));
    serverswap.readyFor('mailer', () => setInterval(() => {}, 1e6));`);
  await arbiter.welcomes();
  await arbiter.receives('onTakedown');
  const { id, address } = await arbiter.receives('readyFor');
  arbiter.sends({ type: 'granted', re: id, address });
  await arbiter.receives('serving');
  arbiter.sends({ type: 'takedown', id: 1, address, reason: 'stopping', drainMs: 1 });
  await arbiter.receives('ended');
  assert.equal(await program.exit(), 7);
});

test('what is sent right before process.exit arrives', async (t) => {
  const { arbiter, program } = await scene(t, `
    serverswap.readyFor('mailer', () => { serverswap.fail('no database'); process.exit(1); });`);
  await arbiter.welcomes();
  const { id, address } = await arbiter.receives('readyFor');
  arbiter.sends({ type: 'granted', re: id, address });
  assert.deepEqual(await arbiter.receives('fail'), { type: 'fail', reason: 'no database' });
  assert.equal(await program.exit(), 1);
});

test('process.exit while a claim waits ends the process', async () => {
  const program = new Program(`serverswap.readyFor('mailer'); process.exit(7);`);
  assert.equal(await program.exit(), 7);
});

test('what is held and handled does not keep a process that has nothing else to do', async () => {
  const program = new Program(`
    serverswap.onTakedown('mailer', () => {});
    serverswap.readyFor('mailer', () => print('granted'));`);
  assert.equal(await program.nextLine(), 'granted');
  assert.equal(await program.exit(), 0);
});

test('requiring the package keeps nothing alive and opens nothing', async () => {
  const program = new Program(`print(require('node:fs').readdirSync('/proc/self/task').join());`);
  const withPackage = (await program.nextLine()).split(',').length;
  const bare = new Program(`setImmediate(() => print(require('node:fs').readdirSync('/proc/self/task').join()));`);
  assert.equal(withPackage, (await bare.nextLine()).split(',').length);
  assert.equal(await program.exit(), 0);
});
