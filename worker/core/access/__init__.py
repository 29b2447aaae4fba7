"""The credential and the way to the API: tokens, their exchange, proxies and certificates."""
