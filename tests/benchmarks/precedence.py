"""Gives the API's stand-in and Redis priority over everything else on this machine, if permitted.

In use they have cores of their own. Here they share two with the workers, and a stand-in that gets no core
for some milliseconds reads what came in time as a burst.
"""

import os
from typing import Final

_REAL_TIME: Final = 1
_NICE: Final = -15


def put_first(*pids: int) -> str:
    """Tries real-time scheduling, then a higher priority. Returns which one was granted, if any."""
    try:
        for pid in pids:
            os.sched_setscheduler(pid, os.SCHED_RR, os.sched_param(_REAL_TIME))
    except (AttributeError, OSError):
        try:
            for pid in pids:
                os.setpriority(os.PRIO_PROCESS, pid, _NICE)
        except OSError:
            return "none"
        return "nice"
    return "real time"
