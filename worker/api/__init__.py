"""The client of the API: one HTTP session per worker process, access tokens, and the activate request."""
