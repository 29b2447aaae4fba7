"""The OpenAPI document is complete, and true for requests that a machine makes up."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from producers.web.problems import STATUS, Code
from tests.documents.markdown import document, tables
from tests.servers import missing, valkey9
from tests.web.served import Served, served
from worker.core.outcome import UNSUCCESSFUL, Outcome
from worker.core.reporting.schema import Report

SECTION = document("producers/README.md").section("HTTP")


@pytest.fixture(scope="session")
def openapi(server: Served) -> dict[str, Any]:
    answer = httpx.get(f"{server.url}/api/v1/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    return dict(answer.json())


def operations(openapi: dict[str, Any]) -> set[tuple[str, str]]:
    return {(method.upper(), path) for path, found in openapi["paths"].items() for method in found}


def documented() -> set[tuple[str, str]]:
    """The requests in the table of the reference."""
    (table,) = [table for table in tables(SECTION.text) if table[0][0] == "request"]
    found: set[tuple[str, str]] = set()
    for row in table[1:]:
        methods, path = re.findall(r"[A-Z]{3,}", row[0]), ""
        for text in re.findall(r"(/[\w/{}.]*)", row[0]):
            path = text if text.count("/") > 1 or not path else f"{path.rpartition('/')[0]}{text}"
            path = text if text in {"/healthz", "/readyz"} else path
            found |= {(method, path) for method in methods}
    return found


def test_every_request_of_the_reference_is_in_the_document_and_no_other(openapi: dict[str, Any]) -> None:
    shown = {each for each in documented() if each[1] not in {"/api/v1/openapi.json", "/api/docs"}}
    assert openapi["openapi"].startswith("3.1.")
    assert shown == operations(openapi)


def test_every_code_of_a_problem_is_in_the_reference_with_its_status() -> None:
    (table,) = [table for table in tables(SECTION.text) if table[0][0] == "problem"]
    shown = {name: int(row[1]) for row in table[1:] for name in re.findall(r"`(\w+)`", row[0])}
    assert shown == {str(code): int(STATUS[code]) for code in Code}


def test_the_fields_of_a_report_are_those_of_the_document(openapi: dict[str, Any]) -> None:
    schema = openapi["components"]["schemas"]["Report"]
    assert list(schema["properties"]) == [field.encode_name for field in msgspec.structs.fields(Report)]
    assert set(schema["required"]) == set(schema["properties"])


def test_only_outcomes_that_can_be_retried_are_offered_to_a_retry(openapi: dict[str, Any]) -> None:
    (parameter,) = [
        each
        for each in openapi["paths"]["/api/v1/jobs/{job_id}/retry"]["post"]["parameters"]
        if each["name"] == "outcome"
    ]
    pattern = re.compile(parameter["schema"]["items"]["pattern"])
    assert {outcome for outcome in Outcome if pattern.search(outcome)} == UNSUCCESSFUL
    assert pattern.search(",".join(UNSUCCESSFUL))


def test_every_reference_leads_somewhere(openapi: dict[str, Any]) -> None:
    names = set(re.findall(r"#/components/schemas/(\w+)", msgspec.json.encode(openapi).decode()))
    assert names <= set(openapi["components"]["schemas"])


def test_what_needs_no_key_is_health_alone(openapi: dict[str, Any]) -> None:
    without = {
        path for path, found in openapi["paths"].items() for each in found.values() if not each["security"]
    }
    assert without == {"/healthz", "/readyz"}


def test_the_page_names_every_operation_and_loads_nothing(server: Served, openapi: dict[str, Any]) -> None:
    answer = httpx.get(f"{server.url}/api/docs")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    for method, path in operations(openapi):
        assert f"<code>{method} {path}</code>" in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert not re.search(r"(?:src|href)=\"(?!/api/v1/openapi\.json)", answer.text)
    assert "://" not in answer.text


def test_made_up_requests_are_answered_as_the_document_says(
    tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    if importlib.util.find_spec("schemathesis") is None:
        missing("schemathesis")
    requests = pytestconfig.getoption("--requests")
    # No long poll that is asked for lasts long.
    limits = {"wait": 0.05}
    with (
        # Its own: it asks for whatever jobs it finds, and other tests spoil some.
        valkey9() as real,
        served(real.server.url, tmp_path, limits=limits, SERVE_MAX_UPLOAD="100KiB") as server,
    ):
        done = subprocess.run(
            [
                str(Path(sys.executable).with_name("schemathesis")),
                *("--config-file", str(Path(__file__).with_name("schemathesis.toml"))),
                *("run", f"{server.url}/api/v1/openapi.json"),
                *("--header", f"Authorization: Bearer {server.secrets['admin']}"),
                *("--max-examples", str(requests), "--phases", "coverage,fuzzing,stateful"),
                *("--request-timeout", "30", "--seed", "1", "--continue-on-failure", "--no-color"),
                *("--generation-database", "none"),
            ],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)},
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        (generated,) = re.findall(r"([0-9]+) generated", done.stdout)
        assert int(generated) >= 1000
        # From a new job to most of what can be done with it.
        (followed,) = re.findall(r"API Links: +([0-9]+) covered", done.stdout)
        assert int(followed) >= 6
        assert not [event for event in server.events() if event["level"] in {"error", "critical"}]
