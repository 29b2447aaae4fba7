"""Signing in and out, and what a session may do."""

import re
from pathlib import Path

import httpx
import pytest

from producers import Client
from producers.web.keys import Key, Keys, Role
from producers.web.sessions import LIFE, MAX_OF_KEY, Sessions
from tests.e2e.stack import ORG
from tests.servers import RealServer
from tests.web.conftest import Submit
from tests.web.page.browsing import ACCEPT, browser, signed_in, text_of
from tests.web.served import Served, code_of, served, started


def test_a_browser_without_a_session_is_sent_to_the_sign_in_and_back(server: Served, submit: Submit) -> None:
    client, path = browser(server), f"/jobs/{submit()['job_id']}"
    sent = client.get(path)
    assert sent.status_code == 303
    form = client.get(sent.headers["location"])
    assert f'name="next" value="{path}"' in form.text
    done = client.post("/sign-in", data={"key": server.secrets["viewer"], "next": path})
    assert (done.status_code, done.headers["location"]) == (303, path)
    assert client.get(path).status_code == 200


@pytest.mark.parametrize("path", ["/", "/jobs/x", "/new", "/nowhere", "/api/v1/jobs"])
def test_a_program_without_a_key_gets_a_problem(server: Served, path: str) -> None:
    assert code_of(server.client(None).get(path)) == (401, "unauthenticated")
    assert code_of(browser(server).get("/api/v1/jobs")) == (401, "unauthenticated")


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites_and_holds_no_key(server: Served) -> None:
    key = server.secrets["operator"]
    plain = browser(server).post("/sign-in", data={"key": key}).headers["set-cookie"]
    port = server.url.rpartition(":")[2]
    assert re.fullmatch(
        rf"bulk_activate_{port}=[\w-]{{43}}; Path=/; Max-Age={LIFE}; HttpOnly; SameSite=Strict", plain
    )
    behind_tls = {"X-Forwarded-Proto": "https", "Origin": server.url.replace("http:", "https:")}
    secure = browser(server).post("/sign-in", data={"key": key}, headers=behind_tls).headers["set-cookie"]
    assert secure.startswith("__Host-bulk_activate=")
    assert secure.endswith("; HttpOnly; SameSite=Strict; Secure")
    assert key not in plain + secure


def test_a_wrong_key_is_refused_on_the_page_and_not_shown_again(server: Served) -> None:
    answer = browser(server).post("/sign-in", data={"key": "bulk_wrong"})
    assert answer.status_code == 401
    assert "This key does not hold" in text_of(answer)
    assert "bulk_wrong" not in answer.text
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("origin", [None, "null", "http://evil.example", "https://{host}", "http://{host}1"])
def test_a_form_from_elsewhere_changes_nothing(server: Served, submit: Submit, origin: str | None) -> None:
    client = signed_in(server, "admin")
    del client.headers["Origin"]
    given = {} if origin is None else {"Origin": origin.format(host=client.base_url.netloc.decode())}
    path = f"/api/v1/jobs/{submit()['job_id']}"
    assert client.post("/sign-out", headers=given).status_code == 403
    assert code_of(client.post(f"{path}/pause", headers=given)) == (403, "forbidden")
    assert code_of(client.delete(path, headers=given)) == (403, "forbidden")
    assert client.get(path).json()["state"] == "queued"
    assert browser(server).post("/sign-in", headers={"Origin": "http://evil.example"}).status_code == 403


def test_the_api_takes_the_cookie_of_the_page(server: Served, submit: Submit) -> None:
    path = f"/api/v1/jobs/{submit()['job_id']}"
    paused = signed_in(server, "operator").post(f"{path}/pause")
    assert (paused.json()["state"], paused.json()["state_reason"]["actor"]) == ("paused", "operator")
    assert code_of(signed_in(server, "viewer").post(f"{path}/resume")) == (403, "forbidden")


def test_signing_out_ends_the_session_and_not_the_cookie_alone(server: Served) -> None:
    client = signed_in(server, "viewer")
    cookies = dict(client.cookies)
    out = client.post("/sign-out")
    assert (out.status_code, out.headers["location"]) == (303, "/sign-in")
    assert "Max-Age=0" in out.headers["set-cookie"]
    again = httpx.get(f"{server.url}/", cookies=cookies, headers={"Accept": ACCEPT})
    assert again.status_code == 303


def test_an_event_stream_ends_with_its_session_and_with_its_key(
    valkey: RealServer, tmp_path: Path, client: Client
) -> None:
    job = client.submit(["an-id"], org_id=ORG)
    with served(valkey.server.url, tmp_path) as server:
        keys, path = tmp_path / "keys", f"/api/v1/jobs/{job.id}/events"
        page, program = signed_in(server, "viewer"), server.client("operator")
        with page.stream("GET", path) as of_page, program.stream("GET", path) as of_program:
            streams = [of_page.iter_lines(), of_program.iter_lines()]
            assert [next(lines) for lines in streams] == ["event: report"] * 2
            page.post("/sign-out")
            keys.write_text(re.sub("(?m)^operator .*", "", keys.read_text()))
            # What changes from now on is theirs no more.
            job.pause()
            assert not [line for lines in streams for line in lines if "paused" in line]


@pytest.mark.parametrize(
    "place", ["//evil.example", "https://evil.example", "/\\evil.example", "/jobs/../api", "/sign-out", "x"]
)
def test_signing_in_leads_to_pages_of_ours_alone(server: Served, place: str) -> None:
    done = browser(server).post("/sign-in", data={"key": server.secrets["viewer"], "next": place})
    assert done.headers["location"] == "/"


def test_a_session_ends_with_its_key_and_follows_its_role(valkey: RealServer, tmp_path: Path) -> None:
    with served(valkey.server.url, tmp_path) as server:
        client, path = signed_in(server, "operator"), tmp_path / "keys"
        lines = path.read_text()
        assert "New job" in client.get("/").text
        path.write_text(lines.replace("operator operator", "operator viewer"))
        assert "New job" not in client.get("/").text
        path.write_text(re.sub("(?m)^operator .*", "", lines))
        assert client.get("/").status_code == 303
        path.write_text(lines)
        assert client.get("/").status_code == 303
        log = server.log.read_text()
        assert not any(secret in log for secret in server.secrets.values())
        # A key in an address is for the run without a file alone.
        by_address = browser(server).get(f"/?key={server.secrets['admin']}")
        assert (by_address.headers["location"], "set-cookie" in by_address.headers) == ("/sign-in", False)


def test_the_printed_address_signs_in_and_is_forgotten(valkey: RealServer, tmp_path: Path) -> None:
    with (tmp_path / "log").open("w+") as log:
        with started(log.fileno(), REDIS_URL=valkey.server.url, LOG_FORMAT="json") as process:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            log.seek(0)
            address = log.readline().split()[-1]
            key = address.partition("=")[2]
            with httpx.Client(headers={"Accept": ACCEPT}) as client:
                first = client.get(address)
                assert (first.status_code, first.headers["location"]) == (303, "/")
                assert first.headers["referrer-policy"] == "no-referrer"
                assert key not in str(first.headers)
                assert client.get(f"{url}/").status_code == 200
                assert client.get(f"{url}/?key=bulk_wrong").headers["location"] == "/sign-in"
        assert key not in log.read()


class OneByOne(Keys):
    """Keys by their digests."""

    def __init__(self, *keys: Key) -> None:
        self.keys = {key.digest: key for key in keys}

    def with_digest(self, digest: bytes) -> Key | None:
        return self.keys.get(digest)


def test_sessions_end_in_time_and_are_bounded_for_each_key() -> None:
    now = 0.0
    one, other = Key("one", Role.VIEWER, b"1"), Key("other", Role.VIEWER, b"2")
    sessions = Sessions(OneByOne(one, other), lambda: now)
    names = [sessions.begin(one) for _ in range(MAX_OF_KEY)]
    kept = sessions.begin(other)
    ended: list[str] = []
    for name in names:
        found = sessions.find(name)
        assert found is not None
        found.session.belongings.callback(ended.append, name)
    names.append(sessions.begin(one))
    assert ended == names[:1]
    assert [sessions.find(name) is not None for name in names] == [False] + MAX_OF_KEY * [True]
    now = float(LIFE)
    assert sessions.find(kept) is None
    assert sessions.find("") is None
    sessions.begin(other)
    assert ended == names[:-1]


def test_sign_in_attempts_are_counted_in_the_log_and_not_listed(server: Served) -> None:
    client = browser(server)
    for _ in range(3):
        client.post("/sign-in", data={"key": "wrong"})
    assert not [event for event in server.events() if event.get("status") == 401]
