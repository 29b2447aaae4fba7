"""Whatever is wrong with a URL, no part of it that could be a user or password is told."""

import os
from unittest.mock import patch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from worker.core.errors import BadSettingError
from worker.core.url import shown_url, split_url
from worker.settings import load
from worker.store.address import parse_address, shown_address

ODD = "/?#@[]:;=&%\\ \t\n,'\"<>\N{FULLWIDTH SOLIDUS}\N{CARE OF}."
WORD = st.text("QXZJ", min_size=4, max_size=8)
PASSWORD = st.lists(WORD | st.text(ODD, min_size=1, max_size=3), min_size=2, max_size=6).map("".join)
SCHEMES = ["redis", "rediss", "unix", "sentinel", "http", "https"]
ENDS = ["@cache.test:6379/0", "@cache.test", "", "@/run/redis.sock?db=0", "@[::1]:1/0?ssl_ca_certs=/ca"]


def words(secret: str) -> list[str]:
    """The parts of a password that nothing else of the URL or the message could hold by chance."""
    return [
        part for part in "".join(char if char in "QXZJ" else " " for char in secret).split() if len(part) > 3
    ]


def told(url: str) -> str:
    """All that is ever said of a URL."""
    said = [shown_url(url), shown_address(url)]
    for read in (parse_address, split_url):
        try:
            said.append(repr(read(url)) if read is parse_address else "")
        except ValueError as error:
            said += [str(error), repr(error.__cause__)]
    for name in ("REDIS_URL", "API_URL", "TRACES_URL"):
        with patch.dict(os.environ, {f"BULK_ACTIVATE_{name}": url.replace("\0", "")}):
            try:
                settings = load()
                said += [repr(settings), str(settings.public())]
            except BadSettingError as error:
                said += [str(error), repr(error.__cause__)]
    return "\n".join(said)


@given(st.sampled_from(SCHEMES), st.sampled_from(["user:", ":", ""]), PASSWORD, st.sampled_from(ENDS))
@example("redis", ":", "QXZJ/ZZZZ", "@cache.test:6379/0")
@example("redis", "user:", "QXZJ#ZZZZ", "@cache.test:6379/0")
@example("redis", "user:", "JJJJ?ZZZZ=QQQQ", "@cache.test:6379/0")
@example("redis", "user:", "JJJJ?ZZZZ=QQQQ", "")
@example("redis", ":", "QXZJ@ZZZZ/QQQQ", "@cache.test")
@example("unix", "u:", "QXZJ@/ZZZZ", "@/run/redis.sock?db=0")
@example("redis", ":", "[QXZJ", "@cache.test")
@example("https", ":", "[QXZJ]ZZZZ", "@cache.test")
@example("redis", ":", "QXZJ\N{FULLWIDTH SOLIDUS}", "@cache.test")
@example("https", "user:", "QXZJ", "")
def test_nothing_that_could_be_a_password_is_told(scheme: str, user: str, secret: str, end: str) -> None:
    if not user and not end:
        return  # That is a host.
    said = told(f"{scheme}://{user}{secret}{end}")
    for word in words(secret):
        assert word not in said


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://user:hunter2@cache.test:6379/3", "redis://cache.test:6379/3"),
        ("redis://:p%2Fw%40@cache.test", "redis://cache.test/0"),
        ("rediss://u:p@[::1]:7/0?ssl_ca_certs=/ca.pem", "rediss://[::1]:7/0"),
        ("unix://u:p@/run/redis.sock?db=1", "unix:///run/redis.sock"),
        ("sentinel://u:p@a:1,b:2/0?master=m", "sentinel://a:1,b:2/0"),
        ("redis://:pass/word@cache.test:6379/0", "redis://..."),
        ("redis://:pass@word/@cache.test:6379/0", "redis://..."),
        ("redis://user:password", "redis://..."),
        ("no url at all", "...://..."),
    ],
)
def test_what_is_shown_of_a_url_is_where_it_leads(url: str, shown: str) -> None:
    assert shown_address(url) == shown


def test_a_password_with_a_slash_is_told_how_to_be_written() -> None:
    with pytest.raises(ValueError, match="write / as %2F"):
        parse_address("redis://:pass/word@cache.test:6379/0")
