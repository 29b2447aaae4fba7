"""How properties are tried."""

from hypothesis import HealthCheck, settings

# A property claims nothing about seconds: on a busy machine, an example may take its time.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")
# For a run that only has to see which lines are reached.
settings.register_profile("few", settings.get_profile("unhurried"), max_examples=10)
