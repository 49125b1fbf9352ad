"""Several workers under one generation, and no request lost when they are replaced.

Start it and deploy it with: serverswap-deploy gunicorn --config gunicorn.conf.py gunicorn_app:app
"""

import os

from serverswap.gunicorn import inherited, post_worker_init, when_ready

__all__ = ["post_worker_init", "when_ready"]

bind = inherited(os.environ.get("ADDRESS", ":8080"))
workers = 3
worker_class = "gthread"
threads = 4
# One path for every master of this user: two generations would take it from each other.
control_socket_disable = True
