/** As `use.cts`, for what is different in an ECMAScript module. */
import { createServer } from 'node:net';

import serverswap, { listen, readyFor, type Listening, type Takedown } from 'serverswap';

const listening: Listening = await listen(createServer(), ':8080');
await listening.drained;

const { address } = await readyFor('mailer', { serving: 'manual' });
serverswap.onTakedown(address, (done: () => void, takedown: Takedown) => {
  console.log(takedown.reason);
  done();
});
