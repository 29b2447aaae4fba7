"""The page: what people see of `serve` in a browser. Written by the server, usable without a script."""
