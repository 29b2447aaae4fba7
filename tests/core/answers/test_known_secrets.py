"""No eight characters of a known secret survive, in whatever form they stand; nothing else is touched."""

import base64
import json
import re
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from worker.core.answers.known_secrets import HIDDEN, SHORTEST, KnownSecrets

TOKEN = "AbCdEfGh-0123456789_the~api+token/of=an.owner"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln-bmF0_dXJl"
ODD = 'p%40ss\\w"ö/ord<&>%2F'
SECRETS = [TOKEN, JWT, ODD, "exactly8"]
KNOWN = KnownSecrets(SECRETS)
BETWEEN = ["\u200b", "\xad", "\u2060", "\ufeff", "\n", "\r\n", "\0", "\u202e", "\ufe0f", "\U000e0041"]

around = st.text(st.characters(codec="utf-8"), max_size=40)


def every_character_escaped(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode())


FORMS: dict[str, Callable[[str], str]] = {
    "plain": lambda text: text,
    "percent": lambda text: quote(text, safe=""),
    "percent, all of it": every_character_escaped,
    "percent, lower case": lambda text: re.sub("%..", lambda found: found[0].lower(), quote(text, safe="")),
    "percent, twice": lambda text: quote(quote(text, safe=""), safe=""),
    "json": lambda text: json.dumps(text)[1:-1],
    "json, all of it": lambda text: "".join(f"\\u{ord(char):04X}" for char in text),
    "html": lambda text: "".join(f"&#x{ord(char):x};" for char in text),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 of more": lambda text: base64.b64encode(b"user:" + text.encode() + b"!").decode(),
    "base64 of more yet": lambda text: base64.b64encode(b"Bearer " + text.encode()).decode(),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(b"x" + text.encode()).decode(),
    "base64 in a URL": lambda text: quote(base64.b64encode(text.encode()).decode(), safe=""),
}


def read_back(shown: str) -> str:
    """What somebody who wants the secret makes of a text: escapes undone, what nobody sees dropped."""
    for _ in range(3):
        shown = re.sub(r"%([0-9a-fA-F]{2})", lambda found: chr(int(found[1], 16)), shown)
        shown = re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), shown)
        shown = re.sub(r"&#x([0-9a-f]+);", lambda found: chr(int(found[1], 16)), shown)
    return re.sub(r"[^\x21-\x7e]", "", shown)


def windows(secret: str) -> set[str]:
    plain = read_back(secret)
    return {text[at : at + SHORTEST] for text in (secret, plain) for at in range(len(text) - SHORTEST + 1)}


@pytest.mark.parametrize("form", FORMS)
@given(before=around, secret=st.sampled_from(SECRETS), after=around)
def test_a_secret_is_hidden_in_whatever_form_it_stands(
    form: str, before: str, secret: str, after: str
) -> None:
    written = FORMS[form](secret)
    shown = KNOWN.hide(f"{before} {written} {after}")
    assert HIDDEN in shown
    plain = read_back(shown)
    assert not [window for window in windows(secret) if window in shown or window in plain]
    for at in range(len(written) - 2 * SHORTEST):
        # In base64 and where every character is escaped, too.
        assert written[at : at + 2 * SHORTEST] not in shown


@given(st.sampled_from([TOKEN, JWT]), st.data())
def test_eight_characters_are_enough_and_seven_are_not(secret: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(secret) - SHORTEST))
    end = data.draw(st.integers(start + SHORTEST, len(secret)))
    assert KnownSecrets([secret]).hide(f"<{secret[start:end]}>") == f"<{HIDDEN}>"
    few = secret[start : start + SHORTEST - 1]
    assert KnownSecrets([secret]).hide(f"<{few}>") == f"<{few}>"


@given(st.sampled_from([TOKEN, JWT]), st.lists(st.sampled_from(["", *BETWEEN]), min_size=60, max_size=60))
def test_a_secret_with_invisible_characters_in_it_is_hidden(secret: str, between: list[str]) -> None:
    written = "".join(char + gap for char, gap in zip(secret, between, strict=False))
    shown = KnownSecrets([secret]).hide(f"it is {written}")
    assert shown.startswith(f"it is {HIDDEN}")
    assert not [window for window in windows(secret) if window in read_back(shown)]


@given(st.text(max_size=300))
@example("AbCdEfG AbCdEfG")
@example("%41%62 \\u0041 &#65;")
def test_text_without_a_secret_is_unchanged(text: str) -> None:
    plain = read_back(text)
    assume(not any(window in plain for secret in SECRETS for window in windows(secret)))
    assert KNOWN.hide(text) == text


def test_an_id_stays_that_holds_so_many_characters_of_a_secret() -> None:
    token_id = f"id-{TOKEN[4:14]}-1"
    known = KnownSecrets([TOKEN])
    body = f'{{"failures":[{{"id":"{token_id.upper()}","message":"{TOKEN} of {token_id}"}}]}}'
    assert known.hide(body, keep=(token_id,)) == body.replace(TOKEN, HIDDEN)
    assert token_id.upper() not in known.hide(body.replace(token_id.upper(), token_id))


def test_an_id_does_not_keep_the_rest_of_a_secret() -> None:
    assert KnownSecrets([TOKEN]).hide(TOKEN, keep=(TOKEN[:12], TOKEN[20:30])) == f"{TOKEN[:5]}{HIDDEN}"


@pytest.mark.parametrize("secrets", [[], [""], ["short", "seven77"]])
def test_a_secret_that_is_too_short_is_ignored(secrets: list[str]) -> None:
    assert KnownSecrets(secrets).hide("short seven77") == "short seven77"


def test_the_index_shows_no_part_of_a_secret() -> None:
    assert TOKEN[:8] not in repr(KnownSecrets([TOKEN]))


@pytest.mark.lengthy
def test_a_body_of_a_megabyte_is_looked_through() -> None:
    body = "<p>%20&nbsp;\\n" * 70_000 + TOKEN
    assert KnownSecrets([TOKEN, JWT * 30]).hide(body).endswith(HIDDEN)
