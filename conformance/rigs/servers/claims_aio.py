"""As claims.py, in an event loop."""

import asyncio
import json
import sys
import time

from serverswap import aio


async def main():
    held, nanos = [], []
    for address in sys.argv[1:]:
        began = time.monotonic_ns()
        held.append(await aio.listen(address, more=True))
        nanos.append(time.monotonic_ns() - began)
        await aio.serving(address)
    await aio.server_up()
    print(json.dumps(nanos), flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
