"""The request rate of an organization: what settings allow, what answers teach, what the API advises."""
