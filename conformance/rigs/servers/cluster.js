'use strict';

// A cluster of two workers, each of which claims; one more for every SIGUSR2.

const cluster = require('node:cluster');

if (cluster.isPrimary) {
  process.on('SIGUSR2', () => cluster.fork());
  cluster.fork();
  cluster.fork();
} else {
  require('../../../examples/node/http.js');
}
