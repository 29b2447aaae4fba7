"""What any process of the worker needs: heartbeat, lifeline, standard streams, periodic tasks."""
