"""What others see of the worker: Flower, Prometheus, callbacks at the end of a job."""
