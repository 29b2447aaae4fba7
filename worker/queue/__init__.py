"""What goes through Celery: the one kind of message, the broker, the pool of threads."""
