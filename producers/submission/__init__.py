"""How a list becomes a job."""
