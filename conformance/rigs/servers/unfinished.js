'use strict';

// A server whose answers never end. HOW says what it does about it when its time to drain is over: `listen`
// leaves that to the library; `own` waits for its connections and ends by TERM, `deaf` not even by that.

const http = require('node:http');
const serverswap = require('../../../bindings/node');

const { ADDRESS, VERSION, HOW } = process.env;

const server = http.createServer((request, response) => response.write('the first part\n'));
const serves = () => console.log(`version ${VERSION} serves ${ADDRESS}`);

if (HOW === 'listen') {
  serverswap.listen(server, ADDRESS).then(serves);
} else {
  if (HOW === 'deaf') {
    process.on('SIGTERM', () => {});
  }
  serverswap.onTakedown(ADDRESS, (done) => {
    server.close();
    done();
  });
  serverswap.readyFor(ADDRESS, { inherit: true }).then((listener) => {
    server.listen(listener, () => {
      listener.serving();
      serves();
    });
  });
}
