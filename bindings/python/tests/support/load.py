"""A closed-loop load that accounts for every request: who answered it, or how it was lost."""

import collections
import threading
from http.client import HTTPException

from .http import Connection
from .world import LIMIT

NEW, KEPT = "new", "kept"


class Load:
    """Requests of several clients, each on new connections or on one that it keeps, until it is left."""

    def __init__(self, port, new=2, kept=2):
        self._port = port
        self._ending = threading.Event()
        self._changed = threading.Condition()
        self.answers = collections.Counter()
        self.failures = []
        self._kinds = [NEW] * new + [KEPT] * kept
        self._threads = [threading.Thread(target=self._run, args=(kind,)) for kind in self._kinds]

    def start(self):
        """Begins, when there is a server."""
        for thread in self._threads:
            thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._ending.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def answered_by(self, version, more=20):
        """Waits until a version has answered some more requests of each kind."""
        wanted = {kind: self.answers[kind, str(version)] + more for kind in self._kinds}

        def answered():
            return self.failures or all(self.answers[kind, str(version)] >= wanted[kind] for kind in wanted)

        with self._changed:
            assert self._changed.wait_for(answered, LIMIT), f"version {version} does not answer: {self.answers}"

    def _run(self, kind):
        connection = None
        while not self._ending.is_set():
            try:
                if connection is None:
                    connection = Connection(self._port)
                answer = connection.ask()
                assert answer.status == 200, f"status {answer.status}"
            except (OSError, HTTPException, AssertionError) as error:
                self._count(self.failures.append, f"{kind}: {error!r}")
                if connection is not None:
                    connection.close()
                connection = None
                continue
            self._count(self.answers.update, [(kind, answer.version)])
            if kind == NEW or answer.closes:
                connection.close()
                connection = None
        if connection is not None:
            connection.close()

    def _count(self, how, what):
        with self._changed:
            how(what)
            self._changed.notify_all()
