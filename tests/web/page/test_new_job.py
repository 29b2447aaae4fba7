"""A new job: what was planned is what is activated."""

import gzip
import hashlib
import os
import re
import secrets
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from producers import Client
from producers.web.page.held import MAX_OF_SESSION
from tests.e2e.stack import ORG, new_ids
from tests.web.page.browsing import buttons_of, signed_in, text_of
from tests.web.served import OTHER_ORG, Served

LIST = "name,token\nfirst,id-1-of-the-list\nsecond,id-2-of-the-list\nagain,id-1-of-the-list\nodd,two words\n"


def checked(
    client: httpx.Client, name: str = "ids.csv", content: str | bytes = LIST, **fields: str
) -> httpx.Response:
    data = {"organization": ORG, "column": "token", **fields}
    return client.post("/new", data=data, files={"list": (name, content, "text/csv")})


def activated(client: httpx.Client, plan: str) -> httpx.Response:
    return client.post(f"{plan}/activate")


def kept_files(server: Served) -> int:
    """Unlinked files that the server holds open."""
    found = 0
    for entry in Path(f"/proc/{server.process.pid}/fd").iterdir():
        try:
            target = os.readlink(entry)  # noqa: PTH115 -- it leads nowhere.
        except FileNotFoundError:
            continue
        found += target.startswith("/") and target.endswith(" (deleted)")
    return found


def test_what_was_planned_is_activated_once(server: Served, client: Client) -> None:
    operator, before = signed_in(server, "operator"), kept_files(server)
    sent = checked(operator)
    assert sent.status_code == 303
    plan = operator.get(sent.headers["location"])
    shown = text_of(plan)
    assert "2 ids will be activated; 1 line cannot be read." in shown
    assert "5 a space at column 4" in shown
    for part in ("id-…ist", hashlib.sha256(LIST.encode()).hexdigest(), ORG):
        assert part in shown or part == "id-…ist"
    assert kept_files(server) == before + 1
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: activated(operator, sent.headers["location"]), range(4)))
    (place,) = {answer.headers["location"] for answer in answers}
    report = client.job(place.rpartition("/")[2]).report()
    assert (report.counts["total"], report.org_id, report.created_by) == (2, ORG, "operator")
    assert (report.manifest.duplicates, report.manifest.malformed) == (1, 1)
    assert report.manifest.sha256 == hashlib.sha256(LIST.encode()).hexdigest()
    assert kept_files(server) == before
    # The browser's way back leads to the same job, and the plan is no more.
    assert activated(operator, sent.headers["location"]).headers["location"] == place
    assert operator.get(sent.headers["location"]).status_code == 404


def test_a_packed_list_is_planned_as_what_it_holds(operator: httpx.Client) -> None:
    for name in ("ids.csv.gz", "ids.csv"):
        sent = checked(operator, name, gzip.compress(LIST.encode()))
        assert hashlib.sha256(LIST.encode()).hexdigest() in operator.get(sent.headers["location"]).text


@pytest.mark.parametrize(
    ("given", "status", "words"),
    [
        ({"name": "ids.xlsx"}, 400, "save its sheet as CSV"),
        ({"name": ""}, 400, "Choose a file"),
        ({"column": "tokens"}, 400, "no column tokens"),
        ({"organization": ""}, 400, "Organization: name the organization"),
        ({"organization": "none"}, 400, "Organization: 'none' is no organization's id"),
        ({"content": "x" * 2_000_000}, 413, "SERVE_MAX_UPLOAD"),
        ({"name": "ids.csv.gz", "content": gzip.compress(b"x" * 2_000_000)}, 413, "SERVE_MAX_UPLOAD"),
        ({"name": "ids.csv.gz"}, 400, "no gzip"),
        ({"column": "c" * 5000}, 413, "4,096"),
    ],
)
def test_what_cannot_be_planned_is_shown_in_the_form_and_leaves_nothing(
    server: Served, given: dict[str, Any], status: int, words: str
) -> None:
    operator, before = signed_in(server, "operator"), kept_files(server)
    answer = checked(operator, **given)
    assert (answer.status_code, words in text_of(answer)) == (status, True), text_of(answer)
    assert 'name="organization"' in answer.text
    assert kept_files(server) == before


def test_an_empty_list_has_nothing_to_activate(operator: httpx.Client) -> None:
    plan = operator.get(checked(operator, content=b"").headers["location"])
    assert "0 ids will be activated" in text_of(plan)
    assert "Activate" not in buttons_of(plan)


def test_the_fields_are_kept_where_the_list_is_refused(operator: httpx.Client) -> None:
    answer = checked(operator, column='"><b>')
    assert f'value="{ORG}"' in answer.text
    assert 'value="&#34;&gt;&lt;b&gt;"' in answer.text


@pytest.mark.parametrize(
    "body", [b"", b"no form", b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n']
)
def test_a_body_that_is_no_such_form_is_refused(operator: httpx.Client, body: bytes) -> None:
    form = {"Content-Type": "multipart/form-data; boundary=b"}
    assert operator.post("/new", content=body, headers=form).status_code == 400
    assert operator.post("/new", content=body, headers={"Content-Type": "text/csv"}).status_code == 415


def test_a_list_is_its_sessions_alone_and_ends_with_it(server: Served) -> None:
    operator, other, before = signed_in(server, "operator"), signed_in(server, "operator"), kept_files(server)
    plans = [checked(operator).headers["location"] for _ in range(MAX_OF_SESSION + 1)]
    assert [operator.get(plan).status_code for plan in plans] == [404] + MAX_OF_SESSION * [200]
    assert kept_files(server) == before + MAX_OF_SESSION
    assert other.get(plans[-1]).status_code == activated(other, plans[-1]).status_code == 404
    operator.post("/sign-out")
    assert kept_files(server) == before


def test_who_may_not_submit_may_not_plan(server: Served, viewer: httpx.Client) -> None:
    assert viewer.get("/new").status_code == checked(viewer).status_code == 403
    elsewhere = signed_in(server, "elsewhere")
    assert f'value="{OTHER_ORG}"' in elsewhere.get("/new").text
    refused = checked(elsewhere)
    assert (refused.status_code, "does not reach" in text_of(refused)) == (403, True)


def test_a_list_that_looks_like_secrets_is_refused_unquoted(operator: httpx.Client) -> None:
    values = [secrets.token_urlsafe(48) for _ in range(5)]
    answer = checked(operator, "ids.txt", "\n".join(values), column="")
    assert (answer.status_code, "look like token values" in text_of(answer)) == (400, True)
    assert not any(value in answer.text for value in values)


def test_a_program_plans_over_the_api_and_needs_no_session(server: Served) -> None:
    data, files = {"organization": ORG}, {"list": ("ids.txt", "\n".join(new_ids(3)))}
    answer = server.client("operator").post("/new", data=data, files=files)
    assert answer.status_code == 401
    assert re.search("/api/v1", answer.json()["detail"])
