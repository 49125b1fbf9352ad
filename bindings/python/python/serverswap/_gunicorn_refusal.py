"""How a gunicorn ends that cannot serve what it was granted, before there is a worker."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from . import _api

if TYPE_CHECKING:
    from typing import NoReturn

_HOOKS = ("when_ready", "post_worker_init")


def refuse(fault: str) -> NoReturn:
    """Ends it, with the fault as the reason: told by the supervisor, or without one by itself."""
    _api.fail(fault)
    raise SystemExit(1 if os.environ.get("SERVERSWAP_SOCKET") else f"error: {fault}")


def fault_of_hooks(cfg: Any) -> str | None:
    """Which hooks a configuration has not taken from serverswap.gunicorn."""
    missing = [f"`{name}`" for name in _HOOKS if getattr(cfg, name).__module__.startswith("gunicorn.")]
    if not missing:
        return None
    return f"gunicorn.conf.py has no {' and no '.join(missing)}: import it from serverswap.gunicorn"
