"""The simulator as its starter sees it: a line of JSON, signals, exit codes."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from tests.simulator.simulators import DEADLINE, ROOT, Api, process


def ready(started: subprocess.Popen[str]) -> dict[str, Any]:
    assert started.stdout is not None
    line = started.stdout.readline()
    if not line:
        pytest.fail(f"the simulator ended: {started.communicate()[1]}")
    found: dict[str, Any] = json.loads(line)
    return found


def connected(url: str) -> socket.socket:
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname or "", parts.port or 0), timeout=DEADLINE)


def test_prints_one_line_with_its_url_and_ends_cleanly_by_sigterm() -> None:
    with process("--port", "0") as started:
        line = ready(started)
        started.send_signal(signal.SIGTERM)
        rest, errors = started.communicate()
    assert line.keys() == {"url", "pid"}
    assert line["pid"] == started.pid
    assert line["url"].startswith("http://127.0.0.1:")
    assert (rest, errors, started.returncode) == ("", "", 0)


def test_localhost_is_one_address() -> None:
    with process("--host", "localhost") as started:
        assert ready(started)["url"].startswith("http://127.0.0.1:")


def test_ends_cleanly_by_sigint_with_connections_open() -> None:
    with process() as started, connected(ready(started)["url"]):
        started.send_signal(signal.SIGINT)
        assert started.communicate() == ("", "")
    assert started.returncode == 0


async def test_ends_cleanly_while_a_request_hangs() -> None:
    with process("--hang", "1") as started:
        async with aiohttp.ClientSession(ready(started)["url"]) as session:
            api = Api(session)
            await api.sign_in()
            request = asyncio.create_task(api.activate("a"))
            await api.until(lambda stats: stats["concurrent"] == 1)
            started.terminate()
            with pytest.raises(aiohttp.ClientError):
                await request
        assert started.communicate() == ("", "")
    assert started.returncode == 0


async def test_options_reach_the_service_and_the_token_comes_from_the_environment() -> None:
    options = ("--org", "one", "--org", "two", "--late-error", "1", "--token-lifetime", "7", "--fail", "1")
    with process(*options, SIMULATOR_API_TOKEN="right") as started:
        async with aiohttp.ClientSession(ready(started)["url"]) as session:
            api = Api(session)
            assert (await api.authorize(api_token="wrong")).status == 400
            reply = await api.authorize(api_token="right")
            api.token = reply.body["access_token"]
            assert reply.body["expires_in"] == 7
            assert [(await api.activate("a", org=org)).status for org in ("one", "two", "three")] == [
                503,
                503,
                404,
            ]
            assert not any(line["active"] for line in await api.world())
        started.terminate()
        assert started.communicate() == ("", "")


async def test_clients_that_leave_at_once_leave_no_word_on_stderr() -> None:
    with process() as started:
        url = ready(started)["url"]
        for part in (
            b"",
            b"POST /control HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{",
            b"\x00\xff\r\n\r\n",
        ):
            with connected(url) as connection:
                connection.sendall(part)
        async with aiohttp.ClientSession(url) as session:
            assert (await Api(session).stats())["requests"] == 0
        started.terminate()
        assert started.communicate() == ("", "")


def test_end_of_stdin_ends_it_where_it_was_asked_to() -> None:
    with process("--with-parent") as started, connected(ready(started)["url"]) as connection:
        # Closes stdin, and waits.
        assert started.communicate() == ("", "")
        assert connection.recv(1) == b""
    assert started.returncode == 0


async def test_end_of_stdin_means_nothing_otherwise() -> None:
    with process() as started:
        url = ready(started)["url"]
        assert started.stdin is not None
        started.stdin.close()
        started.stdin = None
        async with aiohttp.ClientSession(url) as session:
            assert (await Api(session).stats())["requests"] == 0
        started.terminate()
        assert started.wait() == 0


def test_ends_when_its_starter_is_killed() -> None:
    # The pipe's writing end is the starter's alone.
    code = (
        "import subprocess, sys; subprocess.Popen("
        "[sys.executable, '-m', 'worker.simulator', '--with-parent'], stdin=subprocess.PIPE).wait()"
    )
    starter = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    with connected(ready(starter)["url"]) as connection:
        starter.kill()
        assert connection.recv(1) == b""
    # Ends once the simulator, which shares this stream, has ended too.
    starter.communicate()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--host", "0.0.0.0"), "loopback"),
        (("--host", "example.com"), "loopback"),
        (("--fail", "2"), "fail"),
        (("--error", "0.6", "--lose", "0.6"), "faults"),
        (("--rate", "nan"), "rate"),
        (("--port", "70000"), "--port"),
    ],
)
def test_bad_options_are_refused_by_name(arguments: tuple[str, ...], named: str) -> None:
    with process(*arguments) as started:
        output, errors = started.communicate()
    assert (started.returncode, output) == (2, "")
    assert named in errors


def test_a_port_in_use_is_one_line_of_error() -> None:
    with process() as first:
        port = str(urlsplit(ready(first)["url"]).port)
        with process("--port", port) as second:
            output, errors = second.communicate()
    assert (second.returncode, output) == (1, "")
    assert errors == f"Error: cannot listen on 127.0.0.1 port {port}: Address already in use\n"
