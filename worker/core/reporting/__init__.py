"""The numbers of a job report."""
