"""Kubernetes: locked down, told the truth by its probes, given time to stop, scaled while that helps."""

import math
import os
import re
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from worker.core.duration import parse_duration
from worker.engine.redis_retry import LAST_TRIES
from worker.queue.messages import QUEUE, QUEUES
from worker.settings import PREFIX, Settings

FIELDS = Settings.model_fields


@pytest.fixture(scope="module")
def parts(deploy: Path) -> list[dict[str, Any]]:
    files = [path for path in (deploy / "kubernetes").rglob("*.yaml") if path.name != "kustomization.yaml"]
    return [part for path in files for part in yaml.safe_load_all(path.read_text())]


def literals(deploy: Path, name: str) -> dict[str, str]:
    """What a generated config map holds."""
    made = yaml.safe_load((deploy / "kubernetes" / "kustomization.yaml").read_text())
    (found,) = [each["literals"] for each in made["configMapGenerator"] if each["name"] == name]
    return dict(line.split("=", 1) for line in found)


@pytest.fixture(scope="module")
def settings(deploy: Path) -> dict[str, str]:
    return literals(deploy, "settings")


@pytest.fixture(scope="module")
def of_web(deploy: Path) -> dict[str, str]:
    return literals(deploy, "web")


def named(parts: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    (found,) = [part for part in parts if (part["kind"], part["metadata"]["name"]) == (kind, name)]
    return found


def pods(parts: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    return (
        part["spec"]["template"]["spec"] for part in parts if part["kind"] in {"Deployment", "StatefulSet"}
    )


def worker(parts: list[dict[str, Any]]) -> dict[str, Any]:
    pod = named(parts, "Deployment", "worker")["spec"]["template"]["spec"]
    return dict(pod["containers"][0])


def test_no_pod_may_more_than_it_needs(parts: list[dict[str, Any]]) -> None:
    found = list(pods(parts))
    assert len(found) == 6
    for pod in found:
        assert pod["automountServiceAccountToken"] is False
        # Else a service named bulk-activate-... would be an unknown setting, and stop every worker.
        assert pod["enableServiceLinks"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        for container in pod["containers"]:
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"] is True
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert "limits" in container["resources"]


def test_secrets_are_files_and_no_setting_is_unknown(
    parts: list[dict[str, Any]], settings: dict[str, str], of_web: dict[str, str]
) -> None:
    assert {*settings, *of_web} <= {PREFIX + name.upper() for name in FIELDS}
    assert not any(name.endswith(("TOKEN", "PASSWORD", "AUTH")) for name in settings)
    mounts = {mount["name"]: mount["mountPath"] for mount in worker(parts)["volumeMounts"]}
    assert settings[f"{PREFIX}SECRETS_DIR"] == mounts["secrets"]
    assert not any("secretKeyRef" in str(pod) or "secretRef" in str(pod) for pod in pods(parts))


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("worker", "bulk-activate"),
        ("commands", "submitter"),
        ("web", "serve"),
        ("flower", "monitor"),
        ("metrics", "monitor"),
    ],
)
def test_each_service_has_its_own_redis_user(
    parts: list[dict[str, Any]], settings: dict[str, str], name: str, secret: str
) -> None:
    pod = named(parts, "Deployment", name)["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    folder = settings[f"{PREFIX}SECRETS_DIR"]
    (volume,) = [mount["name"] for mount in container["volumeMounts"] if mount["mountPath"] == folder]
    (found,) = [part["secret"]["secretName"] for part in pod["volumes"] if part["name"] == volume]
    assert found == secret
    assert f"{PREFIX}REDIS_URL" not in settings
    given = str(container.get("env", container.get("envFrom")))
    assert "SECRETS_DIR" in given or "configMapRef" in given


def test_a_worker_has_the_time_for_its_soft_stop(parts: list[dict[str, Any]], deploy: Path) -> None:
    # One request on its way, and before it a new access token; then Redis is tried a little longer.
    needed = 2 * FIELDS["request_timeout"].default + LAST_TRIES
    pod = named(parts, "Deployment", "worker")["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] > needed
    unit = (deploy / "systemd" / "bulk-activate-worker.service").read_text()
    assert int(re.findall(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)[0]) > needed
    compose = yaml.safe_load((deploy / "compose.yaml").read_text())
    grace = parse_duration(compose["services"]["worker"]["stop_grace_period"])
    assert timedelta(seconds=grace) > timedelta(seconds=needed)


def probe(command: list[str], file: str, real: Path) -> int:
    """The exit code of a probe's command, with our file in the place of the pod's."""
    assert file in command[-1]
    mine = [*command[:-1], command[-1].replace(file, str(real))]
    return subprocess.run(mine, capture_output=True, check=False).returncode


def test_the_probes_look_at_the_age_of_the_heartbeat(
    parts: list[dict[str, Any]], settings: dict[str, str], tmp_path: Path, deploy: Path
) -> None:
    file = settings[f"{PREFIX}HEARTBEAT_FILE"]
    container = worker(parts)
    commands = [container[f"{kind}Probe"]["exec"]["command"] for kind in ("startup", "liveness", "readiness")]
    compose = yaml.safe_load((deploy / "compose.yaml").read_text())["services"]["worker"]
    assert compose["environment"][f"{PREFIX}HEARTBEAT_FILE"] == file
    commands.append([part.replace("$$", "$") for part in compose["healthcheck"]["test"][1:]])
    beat = tmp_path / "heartbeat"
    for command in commands:
        beat.unlink(missing_ok=True)
        assert probe(command, file, beat) != 0
        beat.touch()
        assert probe(command, file, beat) == 0
        old = beat.stat().st_mtime - 31
        os.utime(beat, (old, old))
        assert probe(command, file, beat) != 0


def test_a_drain_takes_one_worker_at_a_time_and_is_never_blocked(parts: list[dict[str, Any]]) -> None:
    budget = named(parts, "PodDisruptionBudget", "worker")["spec"]
    assert budget["maxUnavailable"] == 1
    labels = named(parts, "Deployment", "worker")["spec"]["template"]["metadata"]["labels"]
    assert budget["selector"]["matchLabels"].items() <= labels.items()
    assert "replicas" not in named(parts, "Deployment", "worker")["spec"]


def test_nothing_is_reached_that_no_rule_names(parts: list[dict[str, Any]]) -> None:
    rules = {part["metadata"]["name"]: part["spec"] for part in parts if part["kind"] == "NetworkPolicy"}
    assert rules["nothing"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    (to_api,) = rules["worker"]["egress"]
    assert to_api["ports"] == [{"port": 443}]
    assert "169.254.0.0/16" in to_api["to"][0]["ipBlock"]["except"]
    assert all("ingress" not in rule or rule["ingress"][0]["from"] for rule in rules.values())


def test_the_scaler_watches_every_queue_and_stops_where_the_rate_is_used(parts: list[dict[str, Any]]) -> None:
    spec = named(parts, "ScaledObject", "worker")["spec"]
    assert spec["scaleTargetRef"] == {"name": "worker"}
    lists = [trigger["metadata"]["listName"] for trigger in spec["triggers"]]
    assert lists == [f"{QUEUE}.{number}" for number in range(QUEUES)]
    slow_answer = 1.0
    useful = FIELDS["rate_max"].default * slow_answer / FIELDS["concurrency"].default
    assert spec["maxReplicaCount"] == math.ceil(useful)
    assert spec["minReplicaCount"] >= 1


def test_redis_keeps_the_record(parts: list[dict[str, Any]]) -> None:
    pod = named(parts, "StatefulSet", "redis")["spec"]["template"]["spec"]
    arguments = pod["containers"][0]["args"]
    options = dict(zip(arguments[::2], arguments[1::2], strict=True))
    assert options["--appendonly"] == "yes"
    assert options["--maxmemory-policy"] == "noeviction"
