"""`worker`, `metrics`, `simulator` and `doctor`: replace this process by `python -m worker NAME`."""

import os
import sys

import click

_PASS_ON = {"ignore_unknown_options": True, "help_option_names": []}


def _command(name: str, help_text: str) -> click.Command:
    @click.command(name=name, context_settings=_PASS_ON, help=help_text, add_help_option=False)
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
    def command(arguments: tuple[str, ...]) -> None:
        # The worker's side is another program: this one must never hold the API client.
        # `-P` keeps Python from importing modules from the current folder.
        os.execv(sys.executable, [sys.executable, "-P", "-m", "worker", name, *arguments])  # noqa: S606

    return command


worker = _command("worker", "Start Celery workers with the settings this project needs.")
metrics = _command("metrics", "Serve what Redis knows of jobs and workers to Prometheus.")
simulator = _command("simulator", "Serve the bundled stand-in for the API, on loopback.")
doctor = _command("doctor", "Check Redis, workers, credential and API; activates nothing.")
