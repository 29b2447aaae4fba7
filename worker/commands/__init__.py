"""What `python -m worker NAME` starts."""
