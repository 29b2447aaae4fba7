"""Translates errors of redis-py into one line for a person, with what to do next."""

import re
import ssl
from typing import Final

from redis.exceptions import (
    AskError,
    AuthenticationError,
    BusyLoadingError,
    ClusterError,
    ConnectionError,  # noqa: A004 -- redis-py's own name; the built-in is not used here.
    InvalidResponse,
    MasterDownError,
    NoPermissionError,
    OutOfMemoryError,
    RedisError,
    TimeoutError,  # noqa: A004 -- as above.
)

from worker.core.errors import BulkActivateError, DamagedRecordError, RedisUnreachableError
from worker.store.address import shown_address

TRANSIENT: Final = (ConnectionError, TimeoutError, BusyLoadingError)
"""Temporary faults: the server restarts, loads its data, or is unreachable for a while."""

_URL: Final = "BULK_ACTIVATE_REDIS_URL"

IS_CLUSTER: Final = (
    "is a Redis Cluster, which Celery's transport cannot use:"
    " use one server, or sentinels (sentinel://HOST:26379/0?master=NAME)"
)

_DENIED_IN_SCRIPT: Final = "The user executing the script can't"
"""How Redis refuses a command or a key of a script to a user without the right to it."""
_NOT_OURS: Final = re.compile(
    rf"WRONGTYPE|(?!{_DENIED_IN_SCRIPT}).*(?:user_script|[Ee]rror (?:running|compiling) script)"
)

_CURES: Final = (
    (_DENIED_IN_SCRIPT, "give the user its rights (deploy/redis/users.conf)"),
    (r"(?i)invalid database|db index", f"correct the database at the end of {_URL}"),
    (r"unknown command", "rename no command that is used; rights of users do more (deploy/redis/users.conf)"),
    (r"DENIED", f"it is in protected mode: give it a user and a password, and name both in {_URL}"),
    (r"\bOOM ", "it is full: raise its maxmemory, or remove jobs that rest"),
    (r"\bMISCONF ", "free or mend its disk; it takes writes again once a snapshot succeeds"),
)


def explain_redis_error(error: RedisError, url: str, *, mendable: bool) -> BulkActivateError:
    """The error to raise for `error` of Redis at `url`, without the URL's password.

    `mendable`: the fault may pass or the server can be repaired; otherwise the data may be forged.
    """
    where = f"Redis at {shown_address(url)}"
    match error:
        case AuthenticationError():
            return RedisUnreachableError(f"{where} refused the user or password: correct {_URL}")
        case OutOfMemoryError():
            return RedisUnreachableError(f"{where} is full: raise its maxmemory, or remove jobs that rest")
        case ClusterError() | AskError() if not isinstance(error, MasterDownError):
            return RedisUnreachableError(f"{where} {IS_CLUSTER}")
        case InvalidResponse():
            return RedisUnreachableError(f"what answers at {shown_address(url)} is no Redis: correct {_URL}")
        case NoPermissionError():
            return RedisUnreachableError(
                f"{where} refuses to work: {_line(error)}; give the user its rights (deploy/redis/users.conf)"
            )
    text = _line(error)
    if "SELECT is not allowed in cluster mode" in text:
        return RedisUnreachableError(f"{where} {IS_CLUSTER}")
    if not mendable and _NOT_OURS.match(text):
        return DamagedRecordError(
            f"{where} holds what was not written by us ({text}): look for who wrote to it"
        )
    for pattern, cure in _CURES:
        if re.search(pattern, text):
            return RedisUnreachableError(f"{where} cannot be used ({text.strip()}): {cure}")
    return (
        _away(error, url)
        if isinstance(error, TRANSIENT)
        else RedisUnreachableError(f"{where} refuses to work: {text}")
    )


def _away(error: RedisError, url: str) -> RedisUnreachableError:
    if (untrusted := _untrusted(error)) is not None:
        return RedisUnreachableError(
            f"Redis at {shown_address(url)} cannot be trusted ({untrusted.verify_message}): name a file"
            " with the authority that signed its certificate, ?ssl_ca_certs=FILE, at the end of"
            f" {_URL}, and the host that the certificate is for"
        )
    tls = "" if url.startswith("unix") else _tls_hint(error, url)
    return RedisUnreachableError(
        f"cannot reach Redis at {shown_address(url)} ({_why(error)}):"
        f" start it, or set {_URL} to where it is{tls}"
    )


def _tls_hint(error: RedisError, url: str) -> str:
    """A hint at TLS on one side only: either side then waits for the other, or closes the connection."""
    if url.startswith("rediss"):
        is_tls_error = isinstance(_root(error), ssl.SSLError) or "handshake" in str(_root(error))
        return "; where it speaks no TLS, with redis:// in place of rediss://" if is_tls_error else ""
    closed = "closed by server" in str(error) or isinstance(_root(error), ConnectionResetError)
    return "; where it speaks TLS, with rediss://" if closed else ""


def _root(error: BaseException) -> BaseException:
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return error


def _untrusted(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error


def _why(error: RedisError) -> str:
    cause = error.__cause__ or error.__context__
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return _line(error) or type(error).__name__


def _line(error: RedisError) -> str:
    """The first line of the error's text, cut to `_LONGEST` characters."""
    return (str(error).splitlines() or [""])[0][:_LONGEST]


_LONGEST: Final = 300
