"""The process that `tests.e2e.warm` has commands forked off: `python -m tests.e2e.forking DESCRIPTOR`.

A request is a number, its length, with the four descriptors that come with it (stdin, stdout, stderr, and
where the process id and the exit code are told), and JSON: arguments, environment, current folder.
"""

import atexit
import gc
import json
import os
import selectors
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Final, NoReturn

import producers.cli.commands
from producers.cli.main import main as command_line
from tests.e2e.warm import NUMBER, Program
from worker.__main__ import main as worker_side
from worker.process import streams
from worker.process.confine import confine

WORKER_SIDE: Final = (
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
    "worker.commands.worker",
    "worker.doctor.__main__",
    "worker.queue.refused_options",
)
"""All but `worker.celery`, which reads the settings as it is imported."""


def _commands() -> Iterator[str]:
    return (
        f"producers.cli.commands.{module.name}" for module in iter_modules(producers.cli.commands.__path__)
    )


def serve(requests: socket.socket) -> None:
    """Forks for each request, and tells the exit code of each fork, until nobody is left to make one."""
    selector = selectors.DefaultSelector()
    selector.register(requests, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.data is not None:
                selector.unregister(key.fd)
                _tell_end(key.fd, *key.data)
            elif (head := socket.recv_fds(requests, NUMBER, 4))[0]:
                request = json.loads(requests.recv(int(head[0]), socket.MSG_WAITALL))
                *streams, report = head[1]
                pid = _fork(request, streams, report, selector)
                os.write(report, f"{pid:{NUMBER}}".encode())
                selector.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, report))
            else:
                return


def _tell_end(process: int, pid: int, report: int) -> None:
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    # A test that failed may not wait for it.
    with suppress(BrokenPipeError):
        os.write(report, f"{code:{NUMBER}}".encode())
    os.close(process)
    os.close(report)


def _fork(request: dict[str, Any], streams: list[int], report: int, selector: selectors.BaseSelector) -> int:
    """Process id of a fork that becomes what `request` names."""
    if request["program"] in {Program.SERVER, Program.HURRIED_SERVER}:
        # Many tests need none.
        import_module("tests.web.hurried")
    # Else a collection in the fork would write to, and so copy, all that it shares with this process.
    gc.freeze()
    pid = os.fork()
    if not pid:
        os.close(report)
        for key in selector.get_map().values():
            os.close(key.fd)
            if key.data is not None:
                os.close(key.data[1])
        selector.close()
        for number, descriptor in enumerate(streams):
            os.dup2(descriptor, number)
            os.close(descriptor)
        _become(**request)
    for descriptor in streams:
        os.close(descriptor)
    return pid


def _become(program: str, arguments: list[str], env: dict[str, str], cwd: str) -> NoReturn:
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    os.chdir(cwd)
    try:
        _run(program, arguments)
    except SystemExit as end:
        _exit(end)
    os._exit(70)


def _run(program: str, arguments: list[str]) -> None:
    sys.argv[1:] = arguments
    if program == Program.WORKER_SIDE:
        # What `bulk-activate worker` and `bulk-activate doctor` execute.
        confine()
        streams.run(lambda: worker_side(prog_name="python -m worker"))
    elif program == Program.HURRIED_SERVER:
        streams.run(lambda: import_module("tests.web.hurried").serve_with(*arguments))
    else:
        command_line()


def _exit(end: SystemExit) -> NoReturn:
    """Ends as the interpreter does, but for taking all modules apart, which would cost 90 ms of CPU."""
    if end.code is not None and not isinstance(end.code, int):
        # The interpreter prints it.
        raise end
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    # Whatever the program left open or never awaited says so as it is deleted.
    gc.collect()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(end.code or 0)


if __name__ == "__main__":
    for module in (*_commands(), *WORKER_SIDE):
        import_module(module)
    gc.freeze()
    serve(socket.socket(fileno=int(sys.argv[1])))
