"""An embedded Redis server under our own supervision, for `run` and `demo`: no service to install.

`python -P -m worker.embedded --dir DIR` is the supervisor. It prints one line of JSON once the server can be
used, and stops the server on a signal or, with `--with-parent`, when its parent dies.
"""
