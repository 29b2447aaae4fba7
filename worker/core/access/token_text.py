"""Cleans tokens of what editors and shells add to them, and describes what looks wrong about a rejected one.

No message contains a token or a part of it.
"""

import codecs
import re
from typing import Final

_QUOTES: Final = "\"'"
_BOM: Final = "\ufeff"
_JWT: Final = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]*")
_GUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_PUBLISHED: Final = re.compile(r"[A-Za-z0-9_-]*")
_LENGTH: Final = 64
"""Length of the API tokens in published examples, in characters. No format is documented."""
_QUOTE: Final = dict.fromkeys("\"'`", "a quote")
_OPENING: Final = _QUOTE | dict.fromkeys("<[{(", "a bracket") | {"$": "a dollar sign, as a variable"}
_CLOSING: Final = _QUOTE | dict.fromkeys(">]})", "a bracket") | dict.fromkeys(",;", "a comma or semicolon")


def decode_token(content: bytes) -> str:
    """Decodes a token file: UTF-8, or UTF-16 with a byte order mark, as PowerShell writes it.

    Raises `ValueError` for other bytes.
    """
    is_utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return content.decode("utf-16" if is_utf16 else "utf-8")
    except UnicodeDecodeError:
        raise ValueError("is no text in UTF-8") from None


def clean_token(text: str) -> str:
    """Removes a byte order mark, and the white space and one pair of quotes around a token.

    Raises `ValueError` unless one word of printable ASCII is left: nothing else can be sent in a header.
    """
    token = text.removeprefix(_BOM).strip()
    if len(token) > 1 and token[0] == token[-1] and token[0] in _QUOTES:
        token = token[1:-1].strip()
    if not token:
        raise ValueError("is empty")
    if token.lower().startswith("bearer "):
        raise ValueError("begins with the word Bearer, which is no part of the token")
    if not (token.isascii() and token.isprintable() and " " not in token):
        raise ValueError("is no text of one word")
    return token


def oddity(token: str) -> str:
    """How a rejected API token differs from published examples; '' if it does not."""
    if _JWT.fullmatch(token):
        return "it looks like an access token (a JWT), and an API token is expected"
    if _GUID.fullmatch(token):
        return "it looks like an id, and the token itself is expected"
    if (what := _OPENING.get(token[:1])) is not None:
        return f"it begins with {what}"
    if (what := _CLOSING.get(token[-1:])) is not None:
        return f"it ends with {what}"
    if "=" in token:
        return "it has an = in it, as a line NAME=VALUE has"
    if not _PUBLISHED.fullmatch(token):
        return "it has characters that published examples have not"
    if len(token) != _LENGTH:
        return f"it has {len(token)} characters, published examples have {_LENGTH}"
    return ""


def access_oddity(token: str) -> str:
    """How a rejected access token differs from published examples; '' if it does not."""
    if _JWT.fullmatch(token):
        return ""
    if _PUBLISHED.fullmatch(token) and len(token) == _LENGTH:
        return "it looks like an API token, which belongs into BULK_ACTIVATE_API_TOKEN"
    return "it is no JWT, as access tokens are"
