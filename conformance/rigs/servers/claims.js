'use strict';

// Claims each address of its arguments by inheritance, one after the other, and prints how many nanoseconds
// each took, as a JSON array.

const net = require('node:net');
const serverswap = require('../../../bindings/node');

async function main() {
  const nanos = [];
  for (const address of process.argv.slice(2)) {
    const began = process.hrtime.bigint();
    const listener = await serverswap.readyFor(address, { inherit: true, more: true });
    nanos.push(Number(process.hrtime.bigint() - began));
    net.createServer().listen(listener, 4096);
    listener.serving();
  }
  serverswap.serverUp();
  console.log(JSON.stringify(nanos));
  setInterval(() => {}, 2 ** 31 - 1);
}

main();
