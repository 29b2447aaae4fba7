"""The command line: `bulk-activate`."""
