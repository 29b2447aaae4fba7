"""Activates API tokens in bulk: Celery tasks that post batches of 15 under one shared rate budget."""
