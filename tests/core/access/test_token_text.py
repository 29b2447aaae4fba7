"""A token out of a file or a variable, and what is told of one that was refused."""

import pytest

from worker.core.access.token_text import access_oddity, clean_token, decode_token, oddity

TOKEN = "AbCdEfGh-0123456789_AbCdEfGh-0123456789_AbCdEfGh-0123456789_AbCd"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    "content",
    [
        f"{TOKEN}".encode(),
        f"{TOKEN}\r\n".encode(),
        f"\n {TOKEN} \t\n\n".encode(),
        f"\ufeff{TOKEN}\r\n".encode(),
        f"\ufeff{TOKEN}\r\n".encode("utf-16-le"),
        f"\ufeff{TOKEN}\n".encode("utf-16-be"),
        f'"{TOKEN}"\n'.encode(),
        f"'{TOKEN}'\r\n".encode(),
        f'\ufeff"{TOKEN}"'.encode("utf-16-le"),
        f'" {TOKEN}\n"'.encode(),
    ],
)
def test_additions_of_editors_and_shells_to_a_token_are_removed(content: bytes) -> None:
    assert clean_token(decode_token(content)) == TOKEN


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b" \r\n", "is empty"),
        (b'""', "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (f"Bearer {TOKEN}".encode(), "begins with the word Bearer"),
        (f"API_TOKEN = {TOKEN}".encode(), "is no text of one word"),
        (f"{TOKEN}\n{TOKEN}".encode(), "is no text of one word"),
        (f"{TOKEN}\x00".encode(), "is no text of one word"),
        (f"\u201c{TOKEN}\u201d".encode(), "is no text of one word"),
        (f"{TOKEN}\u200b".encode(), "is no text of one word"),
        (TOKEN.encode("utf-16-le"), "is no text of one word"),
        (b"\x80\x81" + TOKEN.encode(), "is no text in UTF-8"),
        (b"\xff\xfea", "is no text in UTF-8"),
        ("\udc80" + TOKEN, "is no text of one word"),
    ],
)
def test_a_token_that_cannot_be_sent_is_rejected_and_not_quoted(content: bytes | str, says: str) -> None:
    with pytest.raises(ValueError, match=f"^{says}") as caught:
        clean_token(content if isinstance(content, str) else decode_token(content))
    assert TOKEN[:8] not in str(caught.value)


@pytest.mark.parametrize(
    ("token", "says"),
    [
        (TOKEN, ""),
        (f"{TOKEN}x", "it has 65 characters, published examples have 64"),
        ("x", "it has 1 characters, published examples have 64"),
        (f'"{TOKEN}', "it begins with a quote"),
        (f"{TOKEN}'", "it ends with a quote"),
        (f"<{TOKEN}>", "it begins with a bracket"),
        (f"{TOKEN},", "it ends with a comma or semicolon"),
        ("$API_TOKEN", "it begins with a dollar sign, as a variable"),
        (f"API_TOKEN={TOKEN}", "it has an = in it, as a line NAME=VALUE has"),
        (TOKEN.replace("-", "/"), "it has characters that published examples have not"),
        (JWT, "it looks like an access token (a JWT), and an API token is expected"),
        ("6d4a2f0e-7a1b-4c5d-9e8f-0a1b2c3d4e5f", "it looks like an id, and the token itself is expected"),
    ],
)
def test_the_form_of_a_rejected_token_is_described(token: str, says: str) -> None:
    assert oddity(token) == says


@pytest.mark.parametrize(
    ("token", "says"),
    [
        (JWT, ""),
        (TOKEN, "it looks like an API token, which belongs into BULK_ACTIVATE_API_TOKEN"),
        ("opaque", "it is no JWT, as access tokens are"),
    ],
)
def test_the_form_of_a_rejected_access_token_is_described(token: str, says: str) -> None:
    assert access_oddity(token) == says
