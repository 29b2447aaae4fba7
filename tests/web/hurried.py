"""`serve` with limits of its own, given as JSON, so that no test waits for long ones."""

import json
import sys

from producers.web.limits import Limits
from producers.web.server import serve
from worker.settings import load

if __name__ == "__main__":
    sys.exit(serve(load(credential=False), "127.0.0.1", 0, Limits(**json.loads(sys.argv[1]))))
