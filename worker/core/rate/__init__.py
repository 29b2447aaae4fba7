"""How fast an organization may be sent to: what settings allow, what answers teach, what the API advises."""
