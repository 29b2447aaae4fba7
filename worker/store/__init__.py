"""The record of jobs in Redis: one Lua file per atomic step, and the Python that calls it."""
