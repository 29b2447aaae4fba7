"""Who answered in the API's place, in words that a person can act on.

Between a worker and the API stand proxies, firewalls, ingresses, login pages and portals (RFC 9110, section
3.7, calls them intermediaries). They answer HTML, text or nothing, with any status.
"""

from http import HTTPStatus
from typing import Final

from worker.core.answer import Reply, redirect_host

_API_URL: Final = "BULK_ACTIVATE_API_URL"
_NO_SUCH_PATH: Final = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.GONE})


def describe(reply: Reply) -> str:
    """What an answer that is no word of the API tells of the way to it. Holds nothing of its body."""
    status = reply.status
    if host := redirect_host(reply):
        return f"the API redirects to {host}: set {_API_URL}"
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return (
            f"HTTP {status}, a redirect to another page, which is not followed: is {_API_URL} the API's host?"
        )
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return "HTTP 407: a proxy on the way to the API asks for a login"
    if status == HTTPStatus.NETWORK_AUTHENTICATION_REQUIRED:
        return "HTTP 511: the network asks for a login (a captive portal)"
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return "HTTP 429"
    if status in _NO_SUCH_PATH:
        return f"HTTP {status}, and not in the API's words: is {_API_URL} the API's host?"
    if status < HTTPStatus.MULTIPLE_CHOICES:
        return f"HTTP {status}, but not in the API's words (a login or maintenance page?)"
    if status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return f"HTTP {status}, and not in the API's words: a proxy or firewall on the way refuses"
    return f"HTTP {status}"
