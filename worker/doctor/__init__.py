"""Checks everything that a job needs, and activates nothing."""
