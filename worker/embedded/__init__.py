"""An embedded Redis server under our own supervision, for `run` and `demo`: no service to install.

`python -P -m worker.embedded --dir DIR` is the supervisor. It prints one line of JSON once the server can be
used, and ends it when it is told to end, when it dies, or (`--with-parent`) when its starter dies.
"""
