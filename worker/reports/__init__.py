"""Reads the record and shows it: status, one row per id, recount, results folder, page."""
