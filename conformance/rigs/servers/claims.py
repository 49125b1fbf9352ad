"""Claims each address of its arguments by inheritance, one after the other, and prints how many nanoseconds
each took, as a JSON array."""

import json
import sys
import threading
import time

import serverswap

held, nanos = [], []
for address in sys.argv[1:]:
    began = time.monotonic_ns()
    held.append(serverswap.listen(address, more=True))
    nanos.append(time.monotonic_ns() - began)
    serverswap.serving(address)
serverswap.server_up()
print(json.dumps(nanos), flush=True)
threading.Event().wait()
