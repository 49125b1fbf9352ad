'use strict';

/**
 * How many requests are lost when a server stops under keep-alive load: with the drain of this package,
 * and with Node's own `server.close()`, which closes idle connections at once.
 *
 * usage: node bench/drain-race.cjs
 *
 * Each round: one server, `CLIENTS` connections in another thread that ask as fast as they are answered
 * (with a pause of one turn, so that some are idle at any moment), a stop in the middle. A request counts
 * as lost when it was sent on a connection that was not announced to close, and got no answer.
 */
const { once } = require('node:events');
const http = require('node:http');
const net = require('node:net');
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');

const { Drain } = require('../lib/drain.cjs');

const ROUNDS = 20;
const CLIENTS = 64;
const REQUESTS_BEFORE_STOP = 2_000;
const REQUEST = 'GET / HTTP/1.1\r\nHost: bench\r\n\r\n';

const WAYS = {
  'drain of serverswap': (server) => {
    const drain = new Drain(server);
    return () => drain.begin(30_000);
  },
  'server.close() of Node': (server) => () => server.close(),
};

async function main() {
  for (const [name, way] of Object.entries(WAYS)) {
    let answered = 0;
    let lost = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const result = await measured(way);
      answered += result.answered;
      lost += result.lost;
    }
    console.log(`${name}: ${lost} lost of ${answered + lost} requests, ${ROUNDS} stops under ${CLIENTS} connections`);
  }
}

async function measured(way) {
  let left = REQUESTS_BEFORE_STOP;
  const server = http.createServer((request, response) => {
    response.end('ok');
    left -= 1;
    if (left === 0) {
      setImmediate(stop);
    }
  });
  const stop = way(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const clients = new Worker(__filename, { workerData: server.address().port });
  const [result] = await once(clients, 'message');
  return result;
}

/** The other thread. */
async function clients(port) {
  const all = Array.from({ length: CLIENTS }, () => client(port));
  const results = await Promise.all(all);
  const sum = (key) => results.reduce((total, result) => total + result[key], 0);
  parentPort.postMessage({ answered: sum('answered'), lost: sum('lost') });
}

function client(port) {
  return new Promise((resolve) => {
    const result = { answered: 0, lost: 0 };
    let waiting = false;
    const socket = net.connect(port, '127.0.0.1', ask);
    function ask() {
      if (socket.writable) {
        waiting = true;
        socket.write(REQUEST);
      }
    }
    socket.setEncoding('latin1').on('data', (answer) => {
      waiting = false;
      result.answered += 1;
      if (!answer.includes('Connection: close')) {
        setImmediate(ask);
      }
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve({ ...result, lost: waiting ? 1 : 0 }));
  });
}

if (isMainThread) {
  main();
} else {
  clients(workerData);
}
