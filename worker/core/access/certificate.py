"""Explains why a server's certificate was rejected, and what to do about it.

The codes are OpenSSL's (`openssl-verification-options`, `x509_vfy.h`), as in
`ssl.SSLCertVerificationError.verify_code`. Names in an unverified certificate are shown, never trusted.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

_NOT_YET, _EXPIRED, _SELF_SIGNED = 9, 10, 18
_UNKNOWN_ISSUER: Final = frozenset({2, 19, 20, 21})
_OTHER_NAME: Final = frozenset({62, 64})

_MAX_NAMES: Final = 5
_LONGEST_NAME: Final = 80
_CA_FILE: Final = "BULK_ACTIVATE_CA_FILE"
_CLOCK: Final = "or the clock of this machine is wrong"
_TRUST: Final = f"name a file with the certificate of the authority to trust in {_CA_FILE}"

Certificate = Mapping[str, Any]
"""The result of `ssl.SSLSocket.getpeercert`; empty if the certificate could not be read."""


def certificate_fault(code: int, found: Certificate, now: float) -> str:
    """Why OpenSSL rejected the certificate `found` with `code`. `now`: seconds since the epoch."""
    if code in _UNKNOWN_ISSUER:
        issuer = _name(found.get("issuer", ()))
        by = f", issued by {issuer}," if issuer else ""
        return (
            f"the server's certificate{by} comes from an authority that is not trusted here (most likely a"
            f" proxy of your network that looks into TLS): {_TRUST}"
        )
    if code == _SELF_SIGNED:
        subject = _name(found.get("subject", ()))
        return f"the server's certificate{f' of {subject}' if subject else ''} is signed by itself: {_TRUST}"
    if code == _EXPIRED:
        return f"the server's certificate {_expired(_moment(found, 'notAfter'), now)} ({_CLOCK})"
    if code == _NOT_YET:
        begins = _moment(found, "notBefore")
        since = "" if begins is None or begins.timestamp() <= now else f" before {_shown(begins)}"
        return f"the server's certificate is not valid{since or ' yet'} ({_CLOCK})"
    if code in _OTHER_NAME:
        names = [*_names(found)]
        listed = ", ".join(names[:_MAX_NAMES]) + (", ..." if len(names) > _MAX_NAMES else "")
        whose = f"for {listed}, and " if names else ""
        return f"the server's certificate is {whose}not for the host in BULK_ACTIVATE_API_URL"
    return f"the server's certificate could not be verified (OpenSSL's code {code})"


def _expired(ended: datetime | None, now: float) -> str:
    if ended is None:
        return "has expired"
    # If the certificate itself is still valid, one of its issuers has expired.
    return f"expired on {_shown(ended)}" if ended.timestamp() <= now else "is under one that has expired"


def _name(parts: Any) -> str:
    """The common name in a subject or issuer, else its organization, in quotes; '' if it has neither."""
    attributes = {key: value for part in parts for key, value in part}
    name = attributes.get("commonName") or attributes.get("organizationName") or ""
    return f"{_plain(name)!r}" if name else ""


def _names(found: Certificate) -> Iterator[str]:
    for kind, name in found.get("subjectAltName", ()):
        if kind in {"DNS", "IP Address"}:
            yield _plain(name)


def _plain(name: str) -> str:
    return "".join(filter(str.isprintable, name))[:_LONGEST_NAME]


def _moment(found: Certificate, key: str) -> datetime | None:
    try:
        return datetime.strptime(found[key], "%b %d %H:%M:%S %Y GMT").replace(tzinfo=UTC)
    except (KeyError, ValueError):
        return None


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
