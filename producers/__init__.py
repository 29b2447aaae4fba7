"""Submits jobs and shows their results: the `bulk-activate` command."""
