"""What a browser without scripts does: it keeps cookies, and sends its origin with each form."""

import html
import re
from typing import Any, Final

import httpx

from tests.web.served import Served

ACCEPT: Final = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


def browser(server: Served, **options: Any) -> httpx.Client:
    """A browser that has not signed in."""
    made = httpx.Client(
        base_url=server.url, headers={"Accept": ACCEPT, "Origin": server.url}, timeout=60, **options
    )
    server.clients.append(made)
    return made


def signed_in(server: Served, name: str) -> httpx.Client:
    """A browser that has signed in with the key `name`."""
    made = browser(server)
    answer = made.post("/sign-in", data={"key": server.secrets[name]})
    assert (answer.status_code, answer.headers["location"]) == (303, "/"), answer.text
    return made


def text_of(answer: httpx.Response) -> str:
    """What a person reads, in one line."""
    assert answer.headers["content-type"] == "text/html; charset=utf-8", answer.text
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def buttons_of(answer: httpx.Response) -> list[str]:
    return re.findall(r"<button[^>]*>([^<]+)</button>", answer.text)
