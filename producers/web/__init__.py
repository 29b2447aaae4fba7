"""The HTTP API that `bulk-activate serve` starts. Only its `server` needs the extra `serve`."""
