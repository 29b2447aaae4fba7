"""The client's side of the API: one HTTP session per worker process, access tokens, the activate call."""
