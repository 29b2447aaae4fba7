"""Entity tags, by which a client asks only for what has changed (RFC 9110, section 8.8.3)."""

import hashlib


def etag_of(content: bytes) -> str:
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def matches(etag: str, if_none_match: str | None) -> bool:
    """Whether the client has it already. A proxy that packs an answer makes its tag a weak one."""
    tags = [tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")]
    return "*" in tags or etag in tags
