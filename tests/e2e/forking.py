"""The process that `tests.e2e.warm` has commands forked off: `python -m tests.e2e.forking DESCRIPTOR`.

A request is a number, its length, with the four descriptors that come with it (stdin, stdout, stderr, and
where the process id and the exit code are told), and JSON: arguments, environment, current folder.
"""

import gc
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from typing import Final

import producers.cli.commands
from producers.cli.main import main as command_line
from tests.e2e.warm import NUMBER, Program
from worker.__main__ import main as worker_side
from worker.process import streams
from worker.process.confine import confine

OF_A_WORKER: Final = (
    "celery.apps.worker",
    "celery.concurrency.thread",
    "celery.events",
    "celery.worker.autoscale",
    "celery.worker.consumer",
    "celery.worker.components",
    "celery.worker.strategy",
    "celery.worker.state",
    "celery.app.amqp",
    "celery.app.control",
    "celery.app.events",
    "celery.app.log",
    "celery.loaders.app",
    "kombu.transport.redis",
    "worker.engine.runtime",
    "worker.monitoring.flower",
    "worker.queue.intake",
    "worker.monitoring.job_notifier",
    "worker.queue.messages",
    "worker.queue.pool",
    "worker.commands.supervisor",
    "worker.queue.refused_options",
)
"""All but `worker.celery`, which reads the settings as it is imported."""


def _commands() -> Iterator[str]:
    return (
        f"producers.cli.commands.{module.name}" for module in iter_modules(producers.cli.commands.__path__)
    )


def serve(requests: socket.socket) -> None:
    """Forks for each request until nobody is left to make one."""
    # Whoever waits for a command is forked too, and is waited for by nobody.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while (head := socket.recv_fds(requests, NUMBER, 4))[0]:
        length, descriptors = int(head[0]), head[1]
        request = json.loads(requests.recv(length, socket.MSG_WAITALL))
        if request["program"] in {Program.SERVER, Program.HURRIED_SERVER}:
            # Many tests need none.
            import_module("tests.web.hurried")
        if not os.fork():
            requests.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _watch(request, descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def _watch(request: dict[str, object], descriptors: list[int]) -> None:
    *streams, tell = descriptors
    if not (pid := os.fork()):
        os.close(tell)
        for number, descriptor in enumerate(streams):
            os.dup2(descriptor, number)
            os.close(descriptor)
        _become(**request)  # type: ignore[arg-type]
    os.write(tell, f"{pid:{NUMBER}}".encode())
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.write(tell, f"{code:{NUMBER}}".encode())
    os._exit(0)


def _become(program: str, arguments: list[str], env: dict[str, str], cwd: str) -> None:
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    os.chdir(cwd)
    if program == Program.WORKER:
        # What `bulk-activate worker` executes.
        sys.argv[1:] = ["worker", *arguments]
        confine()
        streams.run(lambda: worker_side(prog_name="python -m worker"))
    elif program == Program.HURRIED_SERVER:
        streams.run(lambda: import_module("tests.web.hurried").serve_with(*arguments))
    else:
        sys.argv[1:] = arguments
        command_line()
    os._exit(70)


if __name__ == "__main__":
    for module in (*_commands(), *OF_A_WORKER):
        import_module(module)
    gc.freeze()
    serve(socket.socket(fileno=int(sys.argv[1])))
