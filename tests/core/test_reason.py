import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core.reason import ID_PLACEHOLDER, MAX_NAME, Reason, name_of, refusal
from worker.core.redact import MAX_MESSAGE, redact

GUID = "5f3a1c9e-0000-4000-8000-00000000beef"
VALUE = "aB3_-" * 12 + "wxyz"


@pytest.mark.parametrize(
    ("message", "name"),
    [
        pytest.param("Token not found", "TOKEN_NOT_FOUND", id="words"),
        pytest.param(f"Token {ID_PLACEHOLDER} not found", "TOKEN_NOT_FOUND", id="the id does not count"),
        pytest.param(f"Token {GUID} not found", "TOKEN_NOT_FOUND", id="a word with a digit does not count"),
        pytest.param(
            "Token '[redacted]' not found", "TOKEN_NOT_FOUND", id="a redacted secret does not count"
        ),
        pytest.param("error 42: gone!", "ERROR_GONE", id="numbers and punctuation do not count"),
        pytest.param("tokenNotFound", "TOKEN_NOT_FOUND", id="camel case falls into words"),
        pytest.param("token.not-found", "TOKEN_NOT_FOUND", id="dots and dashes part words"),
        pytest.param("HTTPError", "HTTPERROR", id="capitals in a row are one word"),
        pytest.param("", "", id="nothing has no name"),
        pytest.param("404 - 17", "", id="numbers alone have no name"),
        pytest.param("не найдено", "", id="letters outside ASCII make no name"),
        pytest.param("x" * MAX_NAME, "X" * MAX_NAME, id="a name of 48 characters fits"),
        pytest.param("x" * 49, "", id="a first word that is too long makes no name"),
        pytest.param("very " * 20, "_".join(["VERY"] * 9), id="a long message is cut between words"),
    ],
)
def test_a_message_is_named_by_its_words(message: str, name: str) -> None:
    assert name_of(message) == name


@given(st.text(max_size=MAX_MESSAGE))
def test_every_name_is_short_and_of_capitals(message: str) -> None:
    name = name_of(message)
    assert len(name) <= MAX_NAME
    assert name == "" or all(part.isascii() and part.isalpha() for part in name.split("_"))
    assert name == name.upper()


def test_equal_messages_about_different_ids_are_one_reason() -> None:
    first = refusal(f"Token {GUID} not found", GUID, 200)
    second = refusal("Token other-id not found", "other-id", 200)
    assert first == second == Reason("TOKEN_NOT_FOUND", f"Token {ID_PLACEHOLDER} not found", 200)


@given(st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=6, max_size=40))
def test_the_message_comes_back_with_its_id(token_id: str) -> None:
    message = f"cannot activate {token_id}, since {token_id} has expired"
    assert refusal(message, token_id, 200).text_for(token_id) == redact(message)


@pytest.mark.parametrize(
    ("message", "token_id", "template"),
    [
        pytest.param("a cat sat", "a", "a cat sat", id="a short id could be part of any word"),
        pytest.param(
            f"no {VALUE} here", VALUE, f"no {ID_PLACEHOLDER} here", id="an id that looks like a secret"
        ),
        pytest.param(f"no {VALUE} here", GUID, "no [redacted] here", id="a secret that is not the id"),
        pytest.param(
            f"api_token=x{GUID}y.", GUID, "[redacted]", id="a secret that holds the id is taken out whole"
        ),
        pytest.param(f"***-{GUID}", GUID, "[redacted]", id="the masked tail of a secret that ends in the id"),
        pytest.param(
            f"no '{GUID}', or {GUID}.",
            GUID,
            f"no '{ID_PLACEHOLDER}', or {ID_PLACEHOLDER}.",
            id="quotes and full stops part the id from its sentence",
        ),
        pytest.param(
            f"secret={VALUE} but {VALUE}!",
            VALUE,
            f"secret={ID_PLACEHOLDER} but {ID_PLACEHOLDER}!",
            id="the id standing alone is the id, though it is called a secret",
        ),
        pytest.param(
            f"secret=x{VALUE} but {VALUE}",
            VALUE,
            f"[redacted] but {ID_PLACEHOLDER}",
            id="as a part of something longer it is not, and the next is found all the same",
        ),
        pytest.param(f"/ids/{GUID}/x", GUID, f"/ids/{ID_PLACEHOLDER}/x", id="an id in a path"),
        pytest.param(f"x{ID_PLACEHOLDER}y", GUID, "xy", id="a placeholder of the API's own is lost"),
    ],
)
def test_the_template_of_a_message(message: str, token_id: str, template: str) -> None:
    reason = refusal(message, token_id, 200)
    assert reason.message == template


@pytest.mark.parametrize("message", ["", "17", "не найдено"])
def test_a_refusal_without_words_is_still_named(message: str) -> None:
    assert refusal(message, GUID, 200).name == "REFUSED"


@given(st.text(max_size=1500), st.text(min_size=1, max_size=256), st.integers(100, 599))
def test_any_message_makes_a_reason_that_can_be_stored_and_read_back(
    message: str, token_id: str, status: int
) -> None:
    reason = refusal(message, token_id, status)
    assert reason.name
    assert reason.status == status
    assert "\0" not in reason.name + reason.message
    assert len(reason.message) <= MAX_MESSAGE
    assert reason.message.encode().decode() == reason.message


def test_a_reason_without_an_answer_has_status_0() -> None:
    assert Reason("TIMED_OUT") == Reason("TIMED_OUT", "", 0)
