"""Activates API tokens in bulk: Celery tasks that post batches of 15 ids under one shared rate budget."""
