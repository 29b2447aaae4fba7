"""Turns a job's record into reports: status, one row per id, recount, results folder, HTML page."""
