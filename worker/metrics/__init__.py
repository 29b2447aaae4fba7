"""What Prometheus sees: facts out of Redis, served by a process of its own that no request waits for."""
