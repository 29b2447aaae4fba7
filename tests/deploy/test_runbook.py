"""Every command of the runbook is one that its program takes, with names that are there."""

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from tests.deploy.tools import tool
from tests.documents.markdown import document
from tests.documents.programs import takes
from tests.servers import redis7

RUNBOOK = document("deploy/runbook.md")
LINES = [line for block in RUNBOOK.fences() if block.language == "sh" for line in block.text.splitlines()]
OURS = "bulk-activate"


def begun_with(*words: str) -> list[str]:
    return [line for line in LINES if shlex.split(line)[: len(words)] == list(words)]


def ours() -> list[list[str]]:
    """The arguments of every `bulk-activate`, wherever it runs."""
    found = [shlex.split(line)[1:] for line in begun_with(OURS)]
    found += [shlex.split(line.split(f"-- {OURS} ", 1)[1]) for line in LINES if f"-- {OURS} " in line]
    return found + [
        shlex.split(line.split(" commands ", 1)[1]) for line in LINES if " run --rm commands " in line
    ]


def test_every_block_is_of_commands_that_are_checked_here() -> None:
    known = {
        OURS,
        "docker",
        "kubectl",
        "systemctl",
        "redis-cli",
        "stat",
        "install",
        "sed",
        "nginx",
        "/opt/bulk-activate/bin/pip",
    }
    assert {shlex.split(line)[0] for line in LINES} == known


def test_our_commands_are_taken() -> None:
    assert len(ours()) > 20
    for name, *arguments in ours():
        takes(name, arguments)


def test_this_test_would_find_an_option_that_is_gone() -> None:
    with pytest.raises(click.UsageError):
        takes("status", ["JOB", "--no-such-option"])


def test_every_command_of_steering_is_told() -> None:
    steering = {
        "pause",
        "resume",
        "cancel",
        "retry",
        "set-rate",
        "purge",
        "doctor",
        "verify",
        "status",
        "worker",
        "key",
    }
    assert steering <= {arguments[0] for arguments in ours()}


@pytest.mark.parametrize(
    "situation", ["stuck", "429", "credential", "full", "Keys", "proxy", "version", "machine"]
)
def test_each_situation_has_its_page(situation: str) -> None:
    assert any(situation in section.heading for section in RUNBOOK.sections())


def test_kubectl_takes_its_commands_and_finds_no_fault_but_that_no_cluster_is_there(root: Path) -> None:
    for line in begun_with("kubectl"):
        command = [
            tool("kubectl"),
            "--kubeconfig=/dev/null",
            "--server=http://127.0.0.1:9",
            *shlex.split(line)[1:],
        ]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode != 0
        assert re.search(
            r"127\.0\.0\.1:9\b.*refused|(owner-token|keys): no such file", done.stderr, re.DOTALL
        ), f"{line}\n{done.stderr}"


def test_what_they_name_is_there(deploy: Path) -> None:
    parts: list[Any] = []
    for path in (deploy / "kubernetes").rglob("*.yaml"):
        parts += yaml.safe_load_all(path.read_text())
    names = {(part["kind"].lower(), part["metadata"]["name"]) for part in parts if "metadata" in part}
    for kind, name in re.findall(r"(deployment)/(\w+)", "\n".join(begun_with("kubectl"))):
        assert (kind, name) in names
    services = yaml.safe_load((deploy / "compose.yaml").read_text())["services"]
    for line in begun_with("docker"):
        words = shlex.split(line)
        assert words[:3] == ["docker", "compose", "--file"]
        assert (deploy.parent / words[3]).is_file()
        assert words[4] in {"run", "restart", "up"}
        assert {word.partition("=")[0] for word in words if word in services or "worker=" in word} <= {
            *services
        }
    for line in begun_with("systemctl"):
        _, verb, unit = shlex.split(line)
        assert (verb, unit) == ("reload", "nginx") or verb == "restart"
        assert unit == "nginx" or (deploy / "systemd" / f"{unit}.service").is_file()
    for line in begun_with("/opt/bulk-activate/bin/pip"):
        words = shlex.split(line)
        assert all((deploy.parent / word).exists() for word in words if "/" in word and word != words[0])
    told = "".join(file.read_text() for name in ("systemd", "nginx") for file in (deploy / name).iterdir())
    for line in (*begun_with("stat"), *begun_with("install"), *begun_with("sed")):
        (path,) = re.findall(r"(/\S+)$", line)
        assert path in told


def test_redis_takes_its_commands() -> None:
    options = ("--tls", "--cacert", "redis_ca.pem", "--user", "bulk-admin", "-h", "REDIS_HOST")
    lines = begun_with("redis-cli", *options)
    assert lines == begun_with("redis-cli")
    with redis7() as real:
        socket = real.server.url.removeprefix("unix://").partition("?")[0]
        for line in lines:
            words = shlex.split(line)[1 + len(options) :]
            done = subprocess.run(
                [tool("redis-cli"), "-e", "-s", socket, *words], capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stdout + done.stderr
        policy = done.stdout
    assert "noeviction" in policy
