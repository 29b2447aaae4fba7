"""What is installed is pinned, hashed, free of addresses, and what `pyproject.toml` allows."""

import re
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

FILES = ("worker", "monitor", "serve", "test", "checks", "benchmark", "build")
PYTHONS = ("3.11.0", "3.11.2", "3.11.3", "3.12.0", "3.13.0", "3.14.0")
"""From our floor on; 3.11.2 is Debian 12's own."""
SYSTEMS = (("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"), ("darwin", "x86_64"))
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


def requirements(text: str) -> list[Requirement]:
    return [Requirement(entry.split("--hash", 1)[0]) for entry in entries(text)]


@cache
def written(deploy: Path, name: str) -> list[Requirement]:
    return requirements(read(deploy, name))


def environment(python: str, system: str, machine: str) -> dict[str, str]:
    """What a marker is asked of, on another Python and system than this."""
    return {
        "python_full_version": python,
        "python_version": python.rpartition(".")[0],
        "sys_platform": system,
        "platform_system": system.title(),
        "platform_machine": machine,
    }


def holds(requirement: Requirement, where: dict[str, str], extra: str = "") -> bool:
    return requirement.marker is None or requirement.marker.evaluate({**where, "extra": extra})


@cache
def asked_by(package: str) -> list[Requirement]:
    try:
        return [Requirement(line) for line in distribution(package).requires or ()]
    except PackageNotFoundError:
        return []


def needed(wanted: Iterable[Requirement], where: dict[str, str]) -> Iterator[tuple[str, Requirement]]:
    """All that an installer meets from `wanted` on, each with who asks for it.

    Weakness: what a package asks for is read where it is installed; what is not here has no more to say.
    """
    waiting = [("pyproject.toml", requirement) for requirement in wanted if holds(requirement, where)]
    seen: set[str] = set()
    while waiting:
        by, requirement = waiting.pop()
        yield by, requirement
        asks = asked_by(requirement.name)
        for extra in {"", *requirement.extras}:
            if (key := f"{canonicalize_name(requirement.name)}[{extra}]") not in seen:
                seen.add(key)
                waiting += [(requirement.name, ask) for ask in asks if holds(ask, where, extra)]


def pins(text: str) -> dict[str, str]:
    """Version by canonical name."""
    found: dict[str, str] = {}
    for requirement in requirements(text):
        (pin,) = requirement.specifier
        found[canonicalize_name(requirement.name)] = pin.version
    return found


def direct(pyproject: dict[str, Any], name: str) -> list[Requirement]:
    """What the file NAME.txt has to satisfy, by the project's own words."""
    if name == "build":
        return [Requirement(line) for line in pyproject["build-system"]["requires"]]
    project = pyproject["project"]
    tests = ["embedded", "monitor", "serve", "tracing", "test"]
    extras = {
        "worker": ["embedded"],
        "monitor": ["monitor", "tracing"],
        "serve": ["serve", "tracing"],
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
@pytest.mark.parametrize("system", SYSTEMS, ids="-".join)
@pytest.mark.parametrize("python", PYTHONS)
def test_every_python_and_system_finds_pinned_all_that_it_needs(
    deploy: Path, pyproject: dict[str, Any], name: str, python: str, system: tuple[str, str]
) -> None:
    # In hash mode pip refuses what a package asks for and no line names: Python 3.11.2 met that.
    where = environment(python, *system)
    pinned = {
        canonicalize_name(requirement.name): requirement
        for requirement in written(deploy, name)
        if holds(requirement, where)
    }
    asked = list(needed(direct(pyproject, name), where))
    assert asked
    for by, requirement in asked:
        pin = pinned.get(canonicalize_name(requirement.name))
        assert pin is not None, f"{by} needs {requirement} on Python {python}"
        (version,) = pin.specifier
        assert requirement.specifier.contains(version.version), f"{by} needs {requirement}"


def test_what_only_an_old_python_needs_is_found_by_that(pyproject: dict[str, Any]) -> None:
    def names(python: str) -> set[str]:
        found = needed(direct(pyproject, "worker"), environment(python, *SYSTEMS[0]))
        return {canonicalize_name(requirement.name) for _, requirement in found}

    assert names("3.11.2") - names("3.11.3") == {"async-timeout"}
    assert names("3.14.0") == names("3.11.3")


@pytest.mark.parametrize("name", FILES)
def test_a_condition_of_the_project_stays_on_its_pin(
    deploy: Path, pyproject: dict[str, Any], name: str
) -> None:
    lines = {canonicalize_name(requirement.name): requirement for requirement in written(deploy, name)}
    for requirement in direct(pyproject, name):
        for python in PYTHONS:
            for system in SYSTEMS:
                where = environment(python, *system)
                assert holds(requirement, where) == holds(lines[canonicalize_name(requirement.name)], where)


@pytest.mark.parametrize("name", FILES)
def test_the_project_is_not_among_its_own_requirements(
    deploy: Path, pyproject: dict[str, Any], name: str
) -> None:
    assert canonicalize_name(pyproject["project"]["name"]) not in pins(read(deploy, name))


def test_a_pin_carries_the_extras_that_any_installed_package_asks_of_it(deploy: Path) -> None:
    # pip 23 looks for the newest release of NAME[EXTRA] before it meets the pin of NAME alone, and
    # refuses what it finds for want of a hash: an install that worked breaks on the day of a release.
    lines = written(deploy, "test")
    pinned = {canonicalize_name(requirement.name): requirement.extras for requirement in lines}
    here = [requirement.name for requirement in lines if holds(requirement, {})]
    asked = [
        (package, requirement)
        for package in here
        for requirement in map(Requirement, distribution(package).requires or ())
        if holds(requirement, {})
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
