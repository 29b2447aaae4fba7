"""`compose.yaml`: Redis keeps what it has, nothing is open to the network, workers are locked down."""

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.stack import CELERY, environment
from tests.monitor.flowers import USER, flower
from tests.servers import RealServer
from worker.settings import PREFIX, Settings

yaml = pytest.importorskip("yaml", reason="PyYAML is in the extra `test`")

OURS = ("worker", "flower", "metrics")


@pytest.fixture(scope="module")
def compose(deploy: Path) -> dict[str, Any]:
    loaded = yaml.safe_load((deploy / "compose.yaml").read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, Any]:
    found = compose["services"]
    assert isinstance(found, dict)
    return found


def option(command: list[str], name: str) -> str:
    return command[command.index(name) + 1]


def test_redis_writes_a_log_and_never_evicts(services: dict[str, Any]) -> None:
    command = services["redis"]["command"]
    assert option(command, "--appendonly") == "yes"
    assert option(command, "--appendfsync") == "everysec"
    assert option(command, "--maxmemory-policy") == "noeviction"


def test_what_redis_writes_is_on_a_named_volume(compose: dict[str, Any], services: dict[str, Any]) -> None:
    (volume,) = services["redis"]["volumes"]
    name, place = volume.split(":")
    assert place == "/data"
    assert name in compose["volumes"]


def test_only_the_loopback_is_published_and_only_pages(services: dict[str, Any]) -> None:
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert set(published) == {"flower", "metrics", "grafana"}
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)
    shared = {
        name: service["network_mode"] for name, service in services.items() if "network_mode" in service
    }
    assert shared == {"prometheus": "service:metrics"}


def test_redis_is_on_a_network_without_a_way_out(compose: dict[str, Any], services: dict[str, Any]) -> None:
    assert services["redis"]["networks"] == ["store"]
    assert compose["networks"]["store"]["internal"] is True


@pytest.mark.parametrize("name", ["redis", "worker", "flower", "metrics", "prometheus", "grafana"])
def test_a_service_cannot_change_its_own_files_nor_gain_rights(services: dict[str, Any], name: str) -> None:
    service = services[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "privileged" not in service
    assert "no-new-privileges:true" in service["security_opt"]


def test_secrets_come_from_files_and_each_service_sees_its_own(
    compose: dict[str, Any], services: dict[str, Any]
) -> None:
    assert services["worker"]["secrets"] == [f"{PREFIX}API_TOKEN".lower()]
    assert services["worker"]["environment"][f"{PREFIX}SECRETS_DIR"] == "/run/secrets"
    assert services["flower"]["secrets"] == ["flower_basic_auth"]
    assert services["grafana"]["secrets"] == ["grafana_admin_password"]
    assert "env_file" not in services["flower"]
    assert all(list(secret) == ["file"] for secret in compose["secrets"].values())


@pytest.mark.parametrize("name", OURS)
def test_only_known_settings_and_no_secret_are_set(services: dict[str, Any], name: str) -> None:
    known = {PREFIX + field.upper() for field in Settings.model_fields}
    ours = {variable for variable in services[name]["environment"] if variable.startswith(PREFIX)}
    assert ours <= known
    assert not any(variable.endswith(("TOKEN", "AUTH")) for variable in services[name]["environment"])


@pytest.fixture
def its_flower(services: dict[str, Any], deploy: Path, tmp_path: Path) -> tuple[list[str], dict[str, str]]:
    """The command and the environment of compose's Flower, with the paths of this machine."""
    service = services["flower"]
    (script,) = service["command"]
    inside = {
        "$$": "$",
        "/run/secrets/": f"{tmp_path}/",
        "/opt/bulk-activate/": shlex.quote(f"{deploy}/"),
        "exec celery": f"exec {shlex.quote(str(CELERY))}",
    }
    for there, here in inside.items():
        script = script.replace(there, here)
    # A container's address is published on the loopback alone, as another test sees to.
    given = {name: value for name, value in service["environment"].items() if name != "FLOWER_ADDRESS"}
    return [*service["entrypoint"], script], {k: v for k, v in given.items() if not k.startswith(PREFIX)}


def test_its_flower_is_that_of_flowerconfig(
    its_flower: tuple[list[str], dict[str, str]], valkey: RealServer, tmp_path: Path
) -> None:
    (tmp_path / "flower_basic_auth").write_text(f"{USER}\n")
    command, given = its_flower
    assert given == {}, "what it is to do is said in one place"
    with flower(valkey.server.url, tmp_path / "log", command, given) as shown:
        assert shown.status("/tasks") == 200
        assert shown.status("/tasks", user=None) == 401
        assert shown.status("/api/task/revoke/any", method="POST") == 403


def test_its_flower_does_not_start_without_a_password(
    its_flower: tuple[list[str], dict[str, str]], tmp_path: Path
) -> None:
    command, given = its_flower
    for password in ("", "nobody\n"):
        (tmp_path / "flower_basic_auth").write_text(password)
        done = subprocess.run(command, env=environment(given), capture_output=True, text=True, check=False)
        assert done.returncode != 0
        assert "user:password" in done.stderr


def test_what_is_not_needed_for_the_work_is_a_profile(services: dict[str, Any]) -> None:
    profiles = {name: service.get("profiles") for name, service in services.items()}
    optional = {name for name, found in profiles.items() if found == ["monitoring"]}
    assert optional == {"metrics", "prometheus", "grafana"}
    assert all(found is None for name, found in profiles.items() if name not in optional)


def test_secrets_in_their_folder_are_ignored_by_git(compose: dict[str, Any], deploy: Path) -> None:
    rules = (deploy / "secrets" / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert "*" in rules
    assert all(Path(secret["file"]).parent == Path("secrets") for secret in compose["secrets"].values())


def test_what_is_mounted_or_copied_is_there(services: dict[str, Any], deploy: Path) -> None:
    mounts = [mount for service in services.values() for mount in service.get("volumes", [])]
    beside = [mount.split(":")[0] for mount in mounts if mount.startswith(".")]
    assert len(beside) > 2
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", (deploy / "Dockerfile").read_text(), re.MULTILINE)
    assert all((deploy / path).exists() for path in beside)
    assert all((deploy.parent / path).exists() for line in copied for path in line.split())
    allowed = (deploy.parent / ".dockerignore").read_text().splitlines()
    for path in " ".join(copied).split():
        at = Path(path)
        assert (
            any(at.match(rule[1:]) or at.parts[0] == rule[1:] for rule in allowed if rule[0] == "!")
            or (deploy.parent / path).is_dir()
        ), path
