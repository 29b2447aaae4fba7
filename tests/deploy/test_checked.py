"""Each file of `deploy/` is what the program that reads it takes, by the tool made to tell."""

import json
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.tools import check, tool
from tests.servers import missing

UNITS = ("bulk-activate-worker.service", "bulk-activate-web.service", "bulk-activate-flower.service")
KUSTOMIZATIONS = (".", "keda")
KEDA_SCHEMA = Path(__file__).with_name("keda.schema.json")
"""Ours: no package brings one."""
MOST_EXPOSED = 15
"""Tenths of `systemd-analyze security`'s scale from 0, shut in, to 10."""


def test_the_dockerfile(deploy: Path) -> None:
    assert check("hadolint", "--failure-threshold", "style", deploy / "Dockerfile") == ""


def test_compose_by_its_schema(deploy: Path) -> None:
    check("check-jsonschema", "--builtin-schema", "vendor.compose-spec", deploy / "compose.yaml")


@pytest.mark.parametrize("folder", KUSTOMIZATIONS)
@pytest.mark.parametrize("version", ["1.25.0", "1.37.0"])
def test_kubernetes_by_its_schemas(deploy: Path, tmp_path: Path, folder: str, version: str) -> None:
    """The oldest and the newest that we mean. KEDA's `ScaledObject` is of another schema, below."""
    rendered = tmp_path / "rendered.yaml"
    rendered.write_text(check("kubectl", "kustomize", deploy / "kubernetes" / folder))
    kinds = [part["kind"] for part in yaml.safe_load_all(rendered.read_text())]
    said = subprocess.run(
        [tool("kubernetes-validate"), "--strict", "--kubernetes-version", version, rendered],
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stdout + said.stderr
    unknown = re.findall(r"Couldn't find schema for kind (\w+)", said.stdout + said.stderr)
    assert unknown == [kind for kind in kinds if kind in {"ScaledObject", "TriggerAuthentication"}]


@pytest.fixture
def scaler(deploy: Path) -> dict[str, Any]:
    parts = yaml.safe_load_all(check("kubectl", "kustomize", deploy / "kubernetes" / "keda"))
    (found,) = (part for part in parts if part["kind"] == "ScaledObject")
    assert isinstance(found, dict)
    return found


def keda_says(scaler: dict[str, Any], at: Path) -> "subprocess.CompletedProcess[str]":
    at.write_text(yaml.safe_dump(scaler))
    command = [tool("check-jsonschema"), "--schemafile", str(KEDA_SCHEMA), str(at)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_scaler_by_what_keda_documents(scaler: dict[str, Any], tmp_path: Path) -> None:
    done = keda_says(scaler, tmp_path / "scaler.yaml")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("fault", [{"listLenght": "1"}, {"listLength": 1}, {"address": "redis://redis"}])
def test_a_fault_that_keda_would_not_tell_is_found(
    scaler: dict[str, Any], tmp_path: Path, fault: dict[str, Any]
) -> None:
    scaler["spec"]["triggers"][0]["metadata"] |= fault
    done = keda_says(scaler, tmp_path / "scaler.yaml")
    assert done.returncode == 1
    assert next(iter(fault)) in done.stdout


def left_out(given: Any, kept: Any, at: str = "") -> list[str]:
    """Where `kept` lacks what `given` has, or says something else."""
    if isinstance(given, dict) and isinstance(kept, dict):
        return [fault for key in given for fault in left_out(given[key], kept.get(key), f"{at}/{key}")]
    if isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        return [
            fault
            for place, pair in enumerate(zip(given, kept, strict=True))
            for fault in left_out(*pair, f"{at}/{place}")
        ]
    return [] if given == kept else [at]


def as_grafana_reads(dashboard: dict[str, Any]) -> Any:
    """What Grafana's own models keep of it: they leave out what they do not know."""
    names = ("models.dashboard", "cog.encoder", "cog.plugins")
    try:
        models, encoder, plugins = (import_module(f"grafana_foundation_sdk.{name}") for name in names)
    except ModuleNotFoundError:
        missing("grafana-foundation-sdk")
    plugins.register_default_plugins()
    return json.loads(encoder.JSONEncoder().encode(models.Dashboard.from_json(dashboard)))


def test_the_dashboard_by_grafanas_own_models(deploy: Path) -> None:
    dashboard = json.loads((deploy / "grafana" / "bulk-activation.json").read_text())
    assert left_out(dashboard, as_grafana_reads(dashboard)) == []
    for panel in dashboard["panels"]:
        panel["fieldConfig"]["defaults"]["unti"] = "s"
    faults = left_out(dashboard, as_grafana_reads(dashboard))
    assert len(faults) == len(dashboard["panels"])


@pytest.fixture
def units(deploy: Path, tmp_path: Path) -> list[Path]:
    """The units as this machine would run them: with the programs of this Python."""
    # By a link: this folder's own name may hold a space, which a unit would have to escape.
    programs = tmp_path / "bin"
    programs.symlink_to(Path(sys.executable).parent)
    made = []
    for name in UNITS:
        text = (deploy / "systemd" / name).read_text().replace("/opt/bulk-activate/bin", str(programs))
        made.append(tmp_path / name)
        made[-1].write_text(text)
    return made


def test_systemd_understands_the_units(units: list[Path]) -> None:
    done = subprocess.run(
        [tool("systemd-analyze"), "verify", "--man=no", *units], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_units_are_shut_in(units: list[Path]) -> None:
    limit = f"--threshold={MOST_EXPOSED}"
    check("systemd-analyze", "security", "--offline=yes", "--no-pager", limit, *units)


@pytest.mark.parametrize("name", UNITS)
def test_units_leave_nothing_of_memory_or_for_others(deploy: Path, name: str) -> None:
    lines = (deploy / "systemd" / name).read_text().splitlines()
    assert {"LimitCORE=0", "UMask=0077"} <= set(lines)


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_is_started_again_but_for_what_no_start_mends(deploy: Path, name: str) -> None:
    """2 is how each ends for a bad setting, password or keys file."""
    lines = (deploy / "systemd" / name).read_text().splitlines()
    assert {"Restart=always", "RestartPreventExitStatus=2"} <= set(lines)


def scripts(deploy: Path) -> dict[str, str]:
    """Every shell script in `deploy/`, wherever it stands."""
    compose: dict[str, Any] = yaml.safe_load((deploy / "compose.yaml").read_text())["services"]
    found = {
        f"compose.yaml: {name}": service["command"][0].replace("$$", "$")
        for name, service in compose.items()
        if service.get("entrypoint", [None])[0] == "sh"
    }
    for path in (deploy / "kubernetes").glob("*.yaml"):
        for command in shells(list(yaml.safe_load_all(path.read_text()))):
            found[f"{path.name}: {len(found)}"] = command
    for name in UNITS:
        text = (deploy / "systemd" / name).read_text().replace("\\\n", "")
        for script in re.findall(r"^ExecStart=/bin/sh -euc '(.*)'$", text, re.MULTILINE):
            found[name] = script.replace("$$", "$")
    return found


def shells(part: Any) -> list[str]:
    """What `sh` is given anywhere in `part`, as a command or beside it as its arguments."""
    if isinstance(part, list):
        here = [part[2]] if part[:1] == ["sh"] and len(part) > 2 else []
        return here + [script for each in part for script in shells(each)]
    if not isinstance(part, dict):
        return []
    beside = part["args"][:1] if part.get("command", [None])[0] == "sh" and "args" in part else []
    return beside + [script for each in part.values() for script in shells(each)]


def test_every_shell_script(root: Path, deploy: Path) -> None:
    found = scripts(deploy)
    assert {name.partition(":")[0] for name in found} >= {
        "compose.yaml",
        "worker.yaml",
        "redis.yaml",
        "bulk-activate-flower.service",
    }
    for name, script in found.items():
        assert check("shellcheck", "--shell=sh", "-", given=script) == "", name
    assert (
        check("shellcheck", root / ".ci" / "run", deploy / "redis" / "make.sh", deploy / "pin-images.sh")
        == ""
    )


def test_flower_gets_its_password_from_a_file_into_its_environment_alone(
    deploy: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "flower_basic_auth").write_text("anna:with space\n")
    (folder / "basic_auth").write_text("anna:with space\n")
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "celery").write_text('#!/bin/sh\necho "$FLOWER_BASIC_AUTH|$*"\n')
    (programs / "celery").chmod(0o755)
    started = {name: script for name, script in scripts(deploy).items() if "exec " in script}
    assert len(started) == 3
    env = {"PATH": f"{programs}:/usr/bin:/bin", "CREDENTIALS_DIRECTORY": str(folder)}
    for name, script in started.items():
        here = script.replace("/opt/bulk-activate/bin", str(programs))
        here = here.replace("/run/secrets/flower/", f"{folder}/").replace("/run/secrets/", f"{folder}/")
        done = subprocess.run(
            ["/bin/sh", "-euc", here], env=env, capture_output=True, text=True, timeout=30, check=False
        )
        assert done.returncode == 0, f"{name}: {done.stderr}"
        password, _, arguments = done.stdout.strip().partition("|")
        assert password == "anna:with space"
        assert re.fullmatch(r"--app worker --quiet flower --conf=\S+/flowerconfig\.py", arguments), name
