"""Clients of a unit under test: new connections and kept ones, until stdin is closed; then one line of JSON.

A request that was not answered counts as failed, with how: a client tries each once. `seen` has the versions that answered.
"""

import http.client
import json
import sys
import threading
import time
from collections import Counter

HOST, PORT = sys.argv[1].rsplit(":", 1)
CLIENTS, PACE = 8, 0.002

stopped = threading.Event()
lock = threading.Lock()
answered, failed, seen, gaps = Counter(), Counter(), Counter(), [0.0]


def ask(connection):
    connection.request("GET", "/")
    response = connection.getresponse()
    response.read()
    return response.getheader("Version"), response.will_close


def client(keeps):
    connection = None
    while not stopped.is_set():
        began = time.monotonic()
        if connection is None:
            connection = http.client.HTTPConnection(HOST, int(PORT), timeout=60)
        try:
            (version, closes), kind = ask(connection), None
        except (OSError, http.client.HTTPException) as error:
            version, closes, kind = None, True, type(error).__name__
        with lock:
            if version is not None:
                answered["requests"] += 1
                seen[version] += 1
                gaps[0] = max(gaps[0], time.monotonic() - began)
            if kind is not None:
                failed[kind] += 1
        if closes or not keeps:
            connection.close()
            connection = None
        time.sleep(PACE)


threads = [threading.Thread(target=client, args=(number % 2 == 0,)) for number in range(CLIENTS)]
for thread in threads:
    thread.start()
sys.stdin.read()
stopped.set()
for thread in threads:
    thread.join()
print(json.dumps({"requests": answered["requests"], "failed": dict(failed), "seen": dict(seen), "slowest_s": round(gaps[0], 2)}))
