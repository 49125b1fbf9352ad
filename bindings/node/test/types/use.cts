/** What compiles here is promised, and each `@ts-expect-error` is a mistake that the types catch. */
import http = require('node:http');
import serverswap = require('serverswap');

const server = http.createServer();

serverswap.readyFor(':8080', function () {
  serverswap.onTakedown(':8080', function () {
    server.close();
  });
});
serverswap.readyFor(8080, { more: true }, async () => {});
serverswap.readyFor(8080, (error, grant) => {
  const message: string | undefined = error?.message;
  grant?.serving();
  // @ts-expect-error a bound address has no descriptor
  grant?.fd;
  return message;
});
serverswap.readyFor('unix:/run/app.sock', { inherit: true }, (error, listener) => {
  server.listen(listener, () => listener?.serving());
});
serverswap.onTakedown(':8080', (done, { reason, drainMs }) => {
  const known: 'replaced' | 'stopping' = reason;
  setTimeout(done, drainMs, known);
});
serverswap.onTakedown(':8080', async () => {});

async function all(signal: AbortSignal): Promise<void> {
  const listener: serverswap.Listener = await serverswap.readyFor(':1', { inherit: true, signal });
  server.listen(listener);
  const grant: serverswap.Grant = await serverswap.readyFor(':2');
  grant.close();
  const { drained, close } = await serverswap.listen(server, ':3', {
    drainTimeout: 5_000,
    onTakedown: ({ connections }) => connections.forEach((socket) => socket.end()),
  });
  await Promise.all([drained, close()]);
  serverswap.progress(':3', { connections: 3, extendMs: 1_000 });
  serverswap.serving(':2');
  serverswap.serverUp();
  serverswap.fail('no database');
  serverswap.fail();
  Promise.reject(new Error('no database')).catch(serverswap.fail);
  const where: [boolean, string | null] = [serverswap.supervised, serverswap.generation];
  // @ts-expect-error not an address
  serverswap.readyFor({ port: 80 });
  // @ts-expect-error not an option
  serverswap.readyFor(':1', { inherits: true });
  // @ts-expect-error a handler is not a server
  await serverswap.listen((request, response) => response.end(), ':1');
  return where[0] ? undefined : Promise.reject(new serverswap.ServerSwapError('code', 'message'));
}

all(AbortSignal.timeout(1_000)).catch((error: unknown) => {
  if (error instanceof serverswap.ServerSwapError) {
    console.error(error.code);
  }
});
