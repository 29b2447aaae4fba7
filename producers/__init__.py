"""Puts jobs in, and shows what became of them: the `bulk-activate` command."""
