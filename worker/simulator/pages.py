"""Answers of proxies, gateways, login pages and portals in front of the API."""

from dataclasses import dataclass, field
from typing import Final

HTML: Final = "text/html; charset=utf-8"
TEXT: Final = "text/plain"
JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class Page:
    """A body with its type and headers."""

    body: bytes = b"<html><head><title>Gateway</title></head><body>No way through</body></html>"
    content_type: str = HTML
    headers: dict[str, str] = field(default_factory=dict)


BLOCKED: Final = Page()
DENIED: Final = Page(b"access denied", TEXT)
EMPTY: Final = Page(b"", TEXT)
MAINTENANCE: Final = Page(b"<html><head><title>Maintenance</title></head><body>Back soon</body></html>")
LOGIN: Final = Page(b"", HTML, {"Location": "/login?from=activate"})
LOGIN_ELSEWHERE: Final = Page(BLOCKED.body, HTML, {"Location": "https://login.example/sign-in"})
MOVED: Final = Page(b"", HTML, {"Location": "https://console.moved.example/csp/gateway"})
PROXY: Final = Page(BLOCKED.body, HTML, {"Proxy-Authenticate": 'Basic realm="proxy"'})
ERROR_DOCUMENT: Final = Page(
    b'{"statusCode":503,"message":"Service is being updated","moduleCode":540}', JSON
)
BUSY: Final = Page(BLOCKED.body, HTML, {"Retry-After": "0.2"})
