"""What an answer of the API means, for each id and for the job."""
