"""`run` and `demo`: everything on this machine, started for one job."""
