"""How long a condition has held, all its spells added up."""


class Stopwatch:
    """Times are in seconds, on any clock that only goes forward.

    The difference between two readings is the time in between during which it ran.
    """

    __slots__ = ("_since", "_total")

    def __init__(self) -> None:
        self._since: float | None = None
        self._total = 0.0

    def run(self, now: float, *, on: bool) -> None:
        """Starts or stops it; does nothing where it already runs or stands."""
        if on and self._since is None:
            self._since = now
        elif not on and self._since is not None:
            self._total += now - self._since
            self._since = None

    @property
    def is_running(self) -> bool:
        return self._since is not None

    def seconds(self, now: float) -> float:
        return self._total if self._since is None else self._total + now - self._since
