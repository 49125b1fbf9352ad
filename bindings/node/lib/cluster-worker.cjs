'use strict';

/**
 * A worker of `cluster` whose server was taken down ends like any other process: when nothing keeps it any more.
 *
 * The channel to the primary process keeps a worker alive as long as both live. From the takedown on it does not;
 * and when nothing else keeps the worker, it disconnects, so that the primary knows that it ended on purpose
 * (`exitedAfterDisconnect`) and forks no other in its place.
 */
let ending = false;

function endWhenIdle() {
  if (!isClusterWorker() || !process.connected || ending) {
    return;
  }
  const cluster = require('node:cluster');
  ending = true;
  process.channel.unref();
  process.once('beforeExit', () => {
    if (process.connected) {
      process.channel.ref();
      cluster.worker.disconnect();
    }
  });
}

function isClusterWorker() {
  // Not at the head of the file: most programs do not have it loaded.
  return require('node:cluster').isWorker;
}

module.exports = { endWhenIdle, isClusterWorker };
