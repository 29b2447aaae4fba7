"""The collector for Prometheus. Scrapes read Redis at most once a second, however many there are."""

import threading
import time
from collections.abc import Iterator, Sequence
from typing import Final

import redis
from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from redis.exceptions import RedisError

from worker.monitoring.metrics.families import families, up
from worker.store.metrics_snapshot import read_metrics_snapshot

CACHE_SECONDS: Final = 1.0
"""Seconds for which scrapes share one reading of Redis."""


class RedisCollector(Collector):
    """Yields all metrics; if Redis does not answer, only `redis_up`."""

    def __init__(self, client: redis.Redis, queues: Sequence[str]) -> None:
        self._client = client
        self._queues = queues
        self._lock = threading.Lock()
        self._read_at = float("-inf")
        self._cached: list[Metric] = []

    def describe(self) -> list[Metric]:
        """Empty, so that registering the collector does not read Redis."""
        return []

    def collect(self) -> Iterator[Metric]:
        with self._lock:
            if time.monotonic() - self._read_at >= CACHE_SECONDS:
                self._cached = self._read()
                self._read_at = time.monotonic()
            yield from self._cached

    def _read(self) -> list[Metric]:
        try:
            snapshot = read_metrics_snapshot(self._client, self._queues)
        except RedisError:
            return [up(answers=False)]
        return [up(answers=True), *families(snapshot)]
