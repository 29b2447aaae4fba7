"""`compose.yaml`: Redis keeps what it has, nothing is open to the network, workers are locked down."""

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.stack import CELERY, environment
from tests.monitoring.flowers import USER, flower
from tests.servers import RealServer
from worker.settings import PREFIX, Settings

yaml = pytest.importorskip("yaml", reason="PyYAML is in the extra `test`")

OURS = {
    "worker": "worker",
    "commands": "submitter",
    "web": "serve",
    "flower": "monitor",
    "metrics": "monitor",
}
"""Our services, and whom each is to Redis."""


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
    assert set(published) == {"web", "flower", "metrics", "grafana"}
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)
    shared = {
        name: service["network_mode"] for name, service in services.items() if "network_mode" in service
    }
    assert shared == {"prometheus": "service:metrics"}


def test_redis_is_on_a_network_without_a_way_out(compose: dict[str, Any], services: dict[str, Any]) -> None:
    assert services["redis"]["networks"] == ["store"]
    assert compose["networks"]["store"]["internal"] is True


@pytest.mark.parametrize("name", ["redis", *OURS, "prometheus", "grafana"])
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
    url = f"{PREFIX}REDIS_URL".lower()
    for name, role in OURS.items():
        of_redis = [{"source": f"{role}_redis_url", "target": url}, "redis_ca.pem"]
        assert services[name]["secrets"][-2:] == of_redis
        assert services[name]["environment"][f"{PREFIX}SECRETS_DIR"] == "/run/secrets"
        own = {"worker": [f"{PREFIX}API_TOKEN".lower()], "flower": ["flower_basic_auth"]}
        assert services[name]["secrets"][:-2] == own.get(name, [])
    assert services["redis"]["secrets"] == ["redis.conf", "redis_cert.pem", "redis_key.pem", "redis_ca.pem"]
    assert services["redis"]["command"][1] == "/run/secrets/redis.conf"
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
    assert profiles["commands"] == ["commands"]
    assert all(found is None for name, found in profiles.items() if name not in {*optional, "commands"})


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


def test_images_of_others_are_pinned_by_what_the_registry_says(
    services: dict[str, Any], deploy: Path, tmp_path: Path
) -> None:
    docker = tmp_path / "docker"
    docker.write_text('#!/bin/sh\n[ "$1 $2 $3" = "buildx imagetools inspect" ] && echo "sha256:of-$6"\n')
    docker.chmod(0o755)
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    command = ["/bin/sh", str(deploy / "pin-images.sh")]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    pinned = dict(line.split("=", 1) for line in done.stdout.splitlines())
    others = {service["image"] for service in services.values() if service["image"].startswith("${")}
    assert {image[2:].split(":-")[0] for image in others} | {"PYTHON_IMAGE"} == set(pinned)
    assert all(re.fullmatch(r"(\S+:\S+)@sha256:of-\1", image) for image in pinned.values())
    docker.write_text("#!/bin/sh\nexit 0\n")
    assert subprocess.run(command, env=env, capture_output=True, check=False).returncode != 0
