"""Metrics for Prometheus, read from Redis and served by a process of its own."""
