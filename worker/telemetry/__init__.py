"""Log lines, their context, and traces."""
