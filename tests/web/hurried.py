"""`serve` with limits of its own, so that no test waits for long ones."""

import json

from producers.web.limits import Limits
from producers.web.server import serve
from worker.settings import load


def serve_with(limits: str) -> int:
    """Serves until SIGTERM; returns the exit code. `limits` is JSON."""
    return serve(load(credential=False), "127.0.0.1", 0, Limits(**json.loads(limits)))
