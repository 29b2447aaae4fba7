"""What is installed is pinned, hashed, free of addresses, and what `pyproject.toml` allows."""

import re
import tomllib
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

FILES = ("worker", "monitor", "test", "checks", "benchmark", "build")
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


@pytest.fixture(scope="module")
def pyproject(root: Path) -> dict[str, Any]:
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))


def entries(text: str) -> list[str]:
    """The logical lines: continuations joined, comments and blanks left out."""
    lines = "".join(line for line in text.splitlines(keepends=True) if not line.lstrip().startswith("#"))
    return [line for line in lines.replace("\\\n", " ").splitlines() if line.strip()]


def read(deploy: Path, name: str) -> str:
    return (deploy / "requirements" / f"{name}.txt").read_text(encoding="utf-8")


def pins(text: str) -> dict[str, str]:
    """Version by canonical name."""
    found: dict[str, str] = {}
    for entry in entries(text):
        requirement = Requirement(entry.split("--hash", 1)[0])
        (pin,) = requirement.specifier
        found[canonicalize_name(requirement.name)] = pin.version
    return found


def direct(pyproject: dict[str, Any], name: str) -> list[Requirement]:
    """What the file NAME.txt has to satisfy, by the project's own words."""
    if name == "build":
        return [Requirement(line) for line in pyproject["build-system"]["requires"]]
    project = pyproject["project"]
    tests = ["embedded", "monitor", "tracing", "test"]
    extras = {
        "worker": ["embedded"],
        "monitor": ["monitor", "tracing"],
        "test": tests,
        "checks": [*tests, "parquet", "checks"],
        "benchmark": [*tests, "benchmark"],
    }[name]
    lines = project["dependencies"] + [
        line for extra in extras for line in project["optional-dependencies"][extra]
    ]
    wanted = [Requirement(line) for line in lines]
    return [requirement for requirement in wanted if requirement.name != project["name"]]


@pytest.mark.parametrize("name", FILES)
def test_every_line_is_an_exact_pin_with_hashes(deploy: Path, name: str) -> None:
    found = entries(read(deploy, name))
    assert found
    for entry in found:
        requirement = Requirement(entry.split("--hash", 1)[0])
        assert [pin.operator for pin in requirement.specifier] == ["=="], entry
        assert requirement.url is None
        assert HASH.search(entry), requirement.name


@pytest.mark.parametrize("name", FILES)
def test_no_file_holds_an_address_or_a_path_of_a_machine(deploy: Path, name: str) -> None:
    text = read(deploy, name)
    assert "://" not in text
    assert not re.search(r"(?<![\w.)])[/~]\w", text)
    # Options such as an index belong to whoever installs.
    assert not re.search(r"^\s*-(?!-hash=)", text, flags=re.MULTILINE)


@pytest.mark.parametrize("name", FILES)
def test_every_direct_dependency_is_pinned_to_what_the_project_allows(
    deploy: Path, pyproject: dict[str, Any], name: str
) -> None:
    pinned = pins(read(deploy, name))
    for requirement in direct(pyproject, name):
        version = pinned[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), f"{requirement} is pinned to {version}"


@pytest.mark.parametrize("name", FILES)
def test_a_condition_of_the_project_stays_on_its_pin(
    deploy: Path, pyproject: dict[str, Any], name: str
) -> None:
    written = [Requirement(entry.split("--hash", 1)[0]) for entry in entries(read(deploy, name))]
    markers = {canonicalize_name(requirement.name): str(requirement.marker) for requirement in written}
    for requirement in direct(pyproject, name):
        if requirement.marker is not None:
            assert markers[canonicalize_name(requirement.name)] == str(requirement.marker)


@pytest.mark.parametrize("name", FILES)
def test_the_project_is_not_among_its_own_requirements(
    deploy: Path, pyproject: dict[str, Any], name: str
) -> None:
    assert canonicalize_name(pyproject["project"]["name"]) not in pins(read(deploy, name))


def test_a_pin_carries_the_extras_that_any_installed_package_asks_of_it(deploy: Path) -> None:
    # pip 23 looks for the newest release of NAME[EXTRA] before it meets the pin of NAME alone, and
    # refuses what it finds for want of a hash: an install that worked breaks on the day of a release.
    written = [Requirement(entry.split("--hash", 1)[0]) for entry in entries(read(deploy, "test"))]
    pinned = {canonicalize_name(requirement.name): requirement.extras for requirement in written}
    asked = [
        (package, requirement)
        for package in pinned
        for requirement in map(Requirement, distribution(package).requires or ())
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
    ]
    assert any(requirement.extras for _, requirement in asked)
    for package, requirement in asked:
        assert requirement.extras <= pinned[canonicalize_name(requirement.name)], f"{package}: {requirement}"


def test_all_files_agree_on_each_version(deploy: Path) -> None:
    versions: dict[str, set[str]] = {}
    for name in FILES:
        for package, version in pins(read(deploy, name)).items():
            versions.setdefault(package, set()).add(version)
    assert {package: sorted(found) for package, found in versions.items() if len(found) > 1} == {}


def test_the_first_line_tells_how_to_make_the_file_again(deploy: Path) -> None:
    for name in FILES:
        assert "python deploy/requirements/compile.py" in read(deploy, name).splitlines()[0]
