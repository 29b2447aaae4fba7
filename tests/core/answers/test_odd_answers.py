"""A 200 is read entry by entry: one odd entry costs nobody else their outcome."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.made import IDS, ok
from worker.core.answers.reconcile import Plain, Reconciled, Said, reconcile
from worker.core.reason import Reason
from worker.core.redact import redact

A, B, C = SENT = IDS[:3]
YES, BOTH = Plain.SUCCESS, Plain.CONTRADICTION
GONE = Reason("GONE", "gone", 200)


def read(body: Any, sent: tuple[str, ...] = SENT, content_type: str = "") -> Reconciled:
    got = reconcile(body if isinstance(body, bytes) else json.dumps(body).encode(), sent, content_type)
    assert isinstance(got, Reconciled)
    return got


@pytest.mark.parametrize(
    ("message", "text"),
    [
        pytest.param(b"404", "404", id="a number"),
        pytest.param(b"9" * 6000, "[redacted]", id="a huge number"),
        pytest.param(b"1e999", "1e999", id="a number out of range"),
        pytest.param(b"true", "true", id="a truth"),
        pytest.param(b"null", "", id="null"),
        pytest.param(b'{"message":"gone"}', "gone", id="an object with a message"),
        pytest.param(b'{"code":"x"}', '{"code": "x"}', id="an object"),
        pytest.param(b'["gone"]', '["gone"]', id="a list"),
        pytest.param(rb'"cut \ud83d"', "cut", id="cut in the middle of an emoji"),
        pytest.param(b'"caf\xe9 \x96 gone"', "caf\u00e9 \u2013 gone", id="windows-1252"),
        pytest.param(b'"two\nlines\t"', "two lines", id="raw control characters"),
        pytest.param(b'"' + b"\xff" * 100_000 + b'"', "\u00ff" * 500, id="endless bytes of another encoding"),
    ],
)
def test_an_odd_message_affects_no_other_id(message: bytes, text: str) -> None:
    body = b'{"successes":["%b"],"failures":[{"id":"%b","message":%b}]}' % (A.encode(), B.encode(), message)
    got = read(body)
    assert got.said[0] is YES
    assert isinstance(got.said[1], Reason)
    assert got.said[1].message == text
    assert got.said[2] is None


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        pytest.param(b"\xef\xbb\xbf" + ok(SENT), "", id="a byte order mark"),
        pytest.param(ok(SENT).decode().encode("utf-16"), "", id="UTF-16 with its mark"),
        pytest.param(
            ok(SENT).decode().encode("utf-16-le"), "application/json; charset=UTF-16LE", id="declared"
        ),
        pytest.param(ok(SENT), 'application/json;charset="utf-8"', id="declared in quotes"),
        pytest.param(ok(SENT, [("who", "x")])[:-1] + b',"x":"\xe9"}', "x; charset=iso-8859-1", id="Latin-1"),
        pytest.param(ok(SENT)[:-1] + b',"x":"\xe9"}', "x; charset=rot13", id="what is no encoding of text"),
        pytest.param(ok(SENT)[:-1] + b',"x":"\xe9"}', "x; charset=shift_jis", id="declared wrongly"),
        pytest.param(ok(SENT)[:-1] + b',"x":"\xe9"}', "x; charset=no-such", id="what is no encoding"),
    ],
)
def test_marks_and_charsets_do_not_matter(body: bytes, content_type: str) -> None:
    assert read(body, content_type=content_type).said == (YES, YES, YES)


def test_a_declared_charset_is_used_for_messages() -> None:
    body = b'{"failures":[{"id":"%b","message":"\xc4\xe4"}]}' % A.encode()
    got = read(body, (A,), "application/json; charset=koi8-r").said[0]
    assert isinstance(got, Reason)
    assert got.message == b"\xc4\xe4".decode("koi8-r")


@pytest.mark.parametrize(
    ("body", "said", "odd"),
    [
        pytest.param(
            {"successes": [A, None, B]}, (YES, YES, None), {"successes: no id"}, id="null for an id"
        ),
        pytest.param(
            {"successes": [{"id": A}, {"id": B, "x": 1}]},
            (YES, YES, None),
            {"successes: an object for an id"},
            id="objects among the successes",
        ),
        pytest.param(
            {"successes": [A], "failures": [B]},
            (YES, Reason("REFUSED", "", 200), None),
            {"failures: no object"},
            id="an id alone among the failures",
        ),
        pytest.param(
            {"successes": [A], "failures": [{"message": "x"}, None, []]},
            (YES, None, None),
            {"failures: no id", "failures: no object"},
            id="failures without an id",
        ),
        pytest.param({"successes": A}, (YES, None, None), {"successes: no list"}, id="one id for a list"),
        pytest.param(
            {"successes": [A], "failures": {"id": B, "message": "gone"}},
            (YES, GONE, None),
            {"failures: no list"},
            id="one failure for a list",
        ),
        pytest.param(
            {"successes": [A], "failures": True},
            (YES, None, None),
            {"failures: no list", "failures: no id", "failures: no object"},
            id="no list at all",
        ),
        pytest.param(
            {"successes": [A, {"id": {"id": B}}, [C]]},
            (YES, None, None),
            {"successes: no id", "successes: an object for an id"},
            id="ids within ids",
        ),
        pytest.param(
            {"successes": [A, None], "failures": [{"id": A, "message": "x"}]},
            (BOTH, None, None),
            {"successes: no id"},
            id="an id in both lists beside an odd entry",
        ),
    ],
)
def test_unreadable_entries_are_counted_by_kind(
    body: dict[str, Any], said: tuple[Said | None, ...], odd: set[str]
) -> None:
    got = read(body)
    assert got.said == said
    assert {kind for kind, _ in got.odd} == odd


def test_an_id_that_is_a_number_is_read_as_its_digits() -> None:
    assert read({"successes": [12345, 7]}, ("12345", "07")).said == (YES, None)


@pytest.mark.parametrize(
    ("sent", "successes", "failures", "said", "intruders"),
    [
        pytest.param(("ab", "cd"), ["AB", " cd\n"], [], (YES, YES), 0, id="other case, white space"),
        pytest.param(("Ab", "aB"), ["ab"], [], (None, None), 1, id="where two fit nobody is meant"),
        pytest.param(("Ab", "aB"), ["Ab"], [], (YES, None), 0, id="an exact match is no other's"),
        pytest.param(("Ab", "aB"), ["Ab", "AB"], [], (YES, None), 1, id="nor is what then fits another"),
        pytest.param(("ab",), ["ab"], ["AB"], (YES,), 1, id="an exact match stands"),
        pytest.param(("ab",), ["AB"], ["Ab"], (BOTH,), 0, id="both lists name it, each in its way"),
        pytest.param(("ab",), ["AB", "Ab", "ab "], [], (YES,), 0, id="in three ways, as once"),
        pytest.param(("ab", "cd"), ["abc"], [" "], (None, None), 2, id="what fits none"),
    ],
)
def test_an_id_in_other_letters_is_matched_where_exactly_one_that_was_sent_fits(
    sent: tuple[str, ...],
    successes: list[str],
    failures: list[str],
    said: tuple[Said | None, ...],
    intruders: int,
) -> None:
    got = read({"successes": successes, "failures": [{"id": name} for name in failures]}, sent)
    assert (got.said, got.intruders) == (said, intruders)


@pytest.mark.parametrize("body", [{"x": 1}, {"statusCode": 503}, {"message": "x", "ids": [A]}])
def test_an_object_without_either_list_is_no_answer_of_this_call(body: dict[str, Any]) -> None:
    assert reconcile(json.dumps(body).encode(), SENT) is not None
    assert not isinstance(reconcile(json.dumps(body).encode(), SENT), Reconciled)


WAYS = st.sampled_from([str, str.upper, lambda name: f" {name}\t", str.title])
NAME = st.builds(lambda way, name: way(name), WAYS, st.sampled_from([*SENT, "who"]))
ODD = st.none() | st.integers() | st.booleans() | st.lists(st.integers(), max_size=2)
SUCCESS = NAME | NAME.map(lambda name: {"id": name}) | ODD | ODD.map(lambda odd: {"id": odd})
FAILURE = (
    st.fixed_dictionaries({"id": NAME}, optional={"message": ODD | st.text(max_size=9)})
    | NAME
    | ODD
    | st.fixed_dictionaries({"message": st.text(max_size=9)})
)


def names(entries: list[Any]) -> set[str]:
    given = [entry.get("id") if isinstance(entry, dict) else entry for entry in entries]
    return {name for name in given if isinstance(name, str)}


@given(st.lists(SUCCESS, max_size=8), st.lists(FAILURE, max_size=8), st.booleans())
def test_an_id_is_activated_only_if_a_success_names_it_and_no_failure(
    successes: list[Any], failures: list[Any], mark: bool
) -> None:
    body = json.dumps({"successes": successes, "failures": failures}).encode()
    got = read(b"\xef\xbb\xbf" + body if mark else body)
    good, bad = names(successes), names(failures)
    for token_id, said in zip(SENT, got.said, strict=True):
        alike = {name for name in good | bad if name.strip().casefold() == token_id}
        meant = {token_id} if token_id in alike else alike
        match bool(meant & good), bool(meant & bad):
            case True, True:
                assert said is BOTH
            case True, False:
                assert said is YES
            case False, True:
                assert isinstance(said, Reason)
                assert redact(said.message) == said.message
            case _:
                assert said is None


@given(st.binary(max_size=300), st.text(max_size=40))
def test_no_bytes_and_no_content_type_raise(body: bytes, content_type: str) -> None:
    reconcile(body, SENT, f"x; charset={content_type}")
    reconcile(b'{"failures":[{"id":"x","message":"' + body + b'"}]}', SENT, content_type)
