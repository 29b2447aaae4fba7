"""Turns a slice into requests and their answers into the record. One event loop per worker process."""
