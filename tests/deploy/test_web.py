"""`serve` where the rest runs: with probes that answer, keys that can change, and no credential."""

import re
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from producers.web.limits import DEFAULTS
from producers.web.page.new import LISTS_KEPT
from tests.documents.programs import takes
from tests.servers import valkey9
from tests.web.served import ENDS_WITHIN, served
from worker.core.duration import parse_duration
from worker.settings import CREDENTIAL, PREFIX

KEYS_FILE = f"{PREFIX}SERVE_KEYS_FILE"


@pytest.fixture(scope="module")
def in_compose(deploy: Path) -> dict[str, Any]:
    return dict(yaml.safe_load((deploy / "compose.yaml").read_text())["services"]["web"])


@pytest.fixture(scope="module")
def pod(deploy: Path) -> dict[str, Any]:
    parts = yaml.safe_load_all((deploy / "kubernetes" / "web.yaml").read_text())
    (found,) = [part for part in parts if part["kind"] == "Deployment"]
    return dict(found["spec"]["template"]["spec"])


@pytest.fixture(scope="module")
def unit(deploy: Path) -> str:
    return (deploy / "systemd" / "bulk-activate-web.service").read_text()


def test_the_probes_say_whether_it_lives_and_whether_redis_can_be_used(
    in_compose: dict[str, Any], pod: dict[str, Any], tmp_path: Path
) -> None:
    (container,) = pod["containers"]
    probes = {kind: container[f"{kind}Probe"]["httpGet"] for kind in ("liveness", "readiness")}
    (port,) = [each for each in container["ports"] if each["name"] == "http"]
    assert {probe["port"] for probe in probes.values()} == {port["name"]}
    _, python, dash_c, script = in_compose["healthcheck"]["test"]
    assert f":{port['containerPort']}/" in script
    with valkey9() as real, served(real.server.url, tmp_path) as server:
        here = script.replace(f"http://127.0.0.1:{port['containerPort']}", server.url)

        def codes() -> dict[str, int]:
            found = {kind: httpx.get(server.url + probe["path"]) for kind, probe in probes.items()}
            of_compose = subprocess.run([python, dash_c, here], capture_output=True, check=False)
            return {kind: answer.status_code for kind, answer in found.items()} | {
                "compose": of_compose.returncode
            }

        assert codes() == {"liveness": 200, "readiness": 200, "compose": 0}
        real.stop()
        assert codes() == {"liveness": 200, "readiness": 503, "compose": 1}


def test_it_is_started_as_the_command_is_taken(
    in_compose: dict[str, Any], pod: dict[str, Any], unit: str
) -> None:
    (container,) = pod["containers"]
    assert in_compose["command"] == container["args"]
    (started,) = re.findall(r"^ExecStart=/opt/bulk-activate/bin/bulk-activate (.*)$", unit, re.MULTILINE)
    for name, *arguments in (container["args"], started.replace("${PORT}", "8080").split()):
        assert name == "serve"
        takes(name, arguments)


def test_a_change_of_the_keys_reaches_it(
    in_compose: dict[str, Any], pod: dict[str, Any], unit: str, deploy: Path
) -> None:
    """The file lies in a mounted folder: a mounted file, and a credential of systemd, stay as they were."""
    (container,) = pod["containers"]
    (mount,) = [each for each in container["volumeMounts"] if each["name"] == "keys"]
    assert "subPath" not in mount
    made = (deploy / "kubernetes" / "kustomization.yaml").read_text()
    assert f"{KEYS_FILE}={mount['mountPath']}/keys\n" in made
    folders = dict(volume.split(":")[:2] for volume in in_compose["volumes"])
    assert in_compose["environment"][KEYS_FILE] == f"{folders['./keys']}/keys"
    assert (deploy / "keys" / ".gitignore").read_text().splitlines()[-2:] == ["*", "!.gitignore"]
    assert f"\nEnvironment={KEYS_FILE}=/etc/bulk-activate-web/keys\n" in unit
    assert "LoadCredential=bulk_activate_redis_url:" in unit


def test_prometheus_finds_its_metrics(in_compose: dict[str, Any], deploy: Path) -> None:
    port = in_compose["environment"][f"{PREFIX}SERVE_METRICS_PORT"]
    config = yaml.safe_load((deploy / "prometheus" / "prometheus.yml").read_text())
    targets = [target for job in config["scrape_configs"] for target in job["static_configs"][0]["targets"]]
    assert f"web:{port}" in targets
    web, made, network = (
        (deploy / "kubernetes" / f"{name}.yaml").read_text() for name in ("web", "kustomization", "network")
    )
    assert f'prometheus.io/port: "{port}"' in web
    assert f"SERVE_METRICS_PORT={port}\n" in made
    assert f"- port: {port}\n" in network
    # Not published: it asks for no key.
    assert not any(port in published for published in in_compose["ports"])


def test_it_gets_no_credential(in_compose: dict[str, Any], pod: dict[str, Any], unit: str) -> None:
    for given in (str(in_compose["secrets"]), str(pod), unit):
        assert not any(name in given.lower() for name in CREDENTIAL)
    # Those would hold the worker's.
    assert "EnvironmentFile=-/etc/bulk-activate/env" not in unit
    assert "'bulk-activate'" not in str(pod["volumes"])


def test_the_lists_under_way_fit_into_the_pod(pod: dict[str, Any], deploy: Path) -> None:
    made = (deploy / "kubernetes" / "kustomization.yaml").read_text()
    (mebibytes,) = re.findall(r"SERVE_MAX_UPLOAD=(\d+)MiB$", made, re.MULTILINE)
    (folder,) = [each["emptyDir"] for each in pod["volumes"] if each["name"] == "tmp"]
    gibibytes = int(folder["sizeLimit"].removesuffix("Gi"))
    assert (DEFAULTS.uploads + LISTS_KEPT) * int(mebibytes) < 1024 * gibibytes


def test_it_has_the_time_to_end(in_compose: dict[str, Any], pod: dict[str, Any], unit: str) -> None:
    (of_unit,) = re.findall(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)
    grace = parse_duration(in_compose["stop_grace_period"])
    assert all(
        seconds > ENDS_WITHIN for seconds in (int(of_unit), grace, pod["terminationGracePeriodSeconds"])
    )
