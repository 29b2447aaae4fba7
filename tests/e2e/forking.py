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
from importlib import import_module
from pkgutil import iter_modules

import producers.commands
from producers.cli import main
from tests.e2e.warm import NUMBER


def serve(requests: socket.socket) -> None:
    """Forks for each request until nobody is left to make one."""
    # Whoever waits for a command is forked too, and is waited for by nobody.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while (head := socket.recv_fds(requests, NUMBER, 4))[0]:
        length, descriptors = int(head[0]), head[1]
        request = json.loads(requests.recv(length, socket.MSG_WAITALL))
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


def _become(arguments: list[str], env: dict[str, str], cwd: str) -> None:
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    os.chdir(cwd)
    sys.argv[1:] = arguments
    main()


if __name__ == "__main__":
    for module in iter_modules(producers.commands.__path__):
        import_module(f"producers.commands.{module.name}")
    gc.freeze()
    serve(socket.socket(fileno=int(sys.argv[1])))
