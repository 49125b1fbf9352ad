'use strict';

// A server that is told to let go and never does.

const http = require('node:http');
const serverswap = require('../../../bindings/node');

const { ADDRESS, VERSION } = process.env;

serverswap.onTakedown(ADDRESS, (done) => {
  console.log(`version ${VERSION} was told to let go`);
  void done;
});

serverswap.readyFor(ADDRESS, { inherit: true }).then((listener) => {
  http.createServer((request, response) => response.end()).listen(listener, () => {
    listener.serving();
    console.log(`version ${VERSION} serves ${ADDRESS}`);
  });
});
