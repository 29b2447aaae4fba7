import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.core.made import IDS, all_well, ok
from worker.core.answers.reconcile import Plain, Reconciled, Said, reconcile
from worker.core.reason import ID_PLACEHOLDER, Reason

A, B, C = SENT = IDS[:3]
YES, BOTH = Plain.SUCCESS, Plain.CONTRADICTION
GONE = Reason("GONE", "gone", 200)


@pytest.mark.parametrize(
    ("body", "said", "intruders"),
    [
        pytest.param(ok([A, B, C]), (YES, YES, YES), 0, id="all in successes"),
        pytest.param(ok([C, A, B], []), (YES, YES, YES), 0, id="in another order"),
        pytest.param(ok([A], [(B, "gone"), (C, "gone")]), (YES, GONE, GONE), 0, id="each in one list"),
        pytest.param(ok(None, [(i, "gone") for i in SENT]), (GONE, GONE, GONE), 0, id="all refused"),
        pytest.param(ok([A, B], [(B, "gone")]), (YES, BOTH, None), 0, id="one in both lists"),
        pytest.param(ok([A]), (YES, None, None), 0, id="one in neither list is missing"),
        pytest.param(ok([], []), (None, None, None), 0, id="empty lists"),
        pytest.param(ok(), (None, None, None), 0, id="null lists"),
        pytest.param(b"{}", (None, None, None), 0, id="no lists"),
        pytest.param(b'{"successes":null}', (None, None, None), 0, id="one null, one missing"),
        pytest.param(ok([A, B, C, "who"]), (YES, YES, YES), 1, id="an intruder among the successes"),
        pytest.param(ok([A, B, C], [("who", "x")]), (YES, YES, YES), 1, id="an intruder among the failures"),
        pytest.param(
            ok(["who"], [("who", "x")]), (None, None, None), 1, id="an intruder in both counts once"
        ),
        pytest.param(ok([A, A, B, C, C]), (YES, YES, YES), 0, id="successes said twice count once"),
        pytest.param(
            ok([A, B], [(C, "gone"), (C, "not so")]),
            (YES, YES, GONE),
            0,
            id="of two refusals the first is kept",
        ),
        pytest.param(
            b'{"successes":["%b"],"successes":["%b"]}' % (A.encode(), B.encode()),
            (None, YES, None),
            0,
            id="of two keys the last is kept",
        ),
        pytest.param(
            b'{"successes":["%b"],"more":[1,{"x":"\\u00e9"}],"n":%b}' % (A.encode(), b"9" * 6000),
            (YES, None, None),
            0,
            id="unknown fields, and numbers of any size in them, do not matter",
        ),
    ],
)
def test_each_id_is_read_from_the_lists(body: bytes, said: tuple[Said | None, ...], intruders: int) -> None:
    assert reconcile(body, SENT) == Reconciled(said, intruders)


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        pytest.param(
            {"id": A, "message": f"{A} gone"}, Reason("GONE", f"{ID_PLACEHOLDER} gone", 200), id="text"
        ),
        pytest.param({"id": A, "message": ""}, Reason("REFUSED", "", 200), id="an empty message"),
        pytest.param({"id": A, "message": None}, Reason("REFUSED", "", 200), id="a null message"),
        pytest.param({"id": A}, Reason("REFUSED", "", 200), id="no message"),
        pytest.param({"id": A, "code": 7, "message": "gone"}, GONE, id="more fields than documented"),
    ],
)
def test_a_refusal_is_final_whatever_its_message(failure: dict[str, Any], reason: Reason) -> None:
    body = json.dumps({"failures": [failure]}).encode()
    assert reconcile(body, (A,)) == Reconciled((reason,))


DEEP = 300_000


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"<html><body>OK</body></html>", id="HTML"),
        pytest.param(b"null", id="null"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b'"successes"', id="a string"),
        pytest.param(ok([A, B, C])[:-2], id="cut short"),
        pytest.param(ok([A, B, C]) + b"x", id="followed by more"),
        pytest.param(b"\xef\xbb\xbf", id="nothing behind a byte order mark"),
        pytest.param(b"[" * DEEP, id="deep nesting"),
        pytest.param(b'{"more":' + b"[" * DEEP + b"]" * DEEP + b"}", id="deep nesting of what is unknown"),
        pytest.param(b'{"more":' * DEEP + b"1" + b"}" * DEEP, id="deep nesting of objects"),
    ],
)
def test_an_answer_of_another_shape_says_nothing_about_ids(body: bytes) -> None:
    assert reconcile(body, SENT) is None


NAMES = st.sampled_from([*SENT, "who", ""])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | NAMES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["successes", "failures", "id", "message", "x"]), inner, max_size=4)
    ),
    max_leaves=12,
)
FAILURE = st.fixed_dictionaries({"id": NAMES}, optional={"message": st.none() | st.text(max_size=20)})
ANSWER = st.fixed_dictionaries(
    {},
    optional={
        "successes": st.none() | st.lists(NAMES, max_size=8),
        "failures": st.none() | st.lists(FAILURE, max_size=8),
        "x": JSON,
    },
)


@given(ANSWER)
def test_every_id_gets_the_one_meaning_that_the_lists_give_it(answer: dict[str, Any]) -> None:
    # Python writes NaN and infinity, which are no JSON, and harm nobody.
    read = reconcile(json.dumps(answer, allow_nan=True).encode(), SENT)
    if not isinstance(read, Reconciled):
        assert read is not None
        assert read.keys() == {"x"}
        return
    successes = set(answer.get("successes") or ())
    refused = {failure["id"] for failure in answer.get("failures") or ()}
    for token_id, said in zip(SENT, read.said, strict=True):
        match token_id in successes, token_id in refused:
            case True, True:
                assert said is BOTH
            case True, False:
                assert said is YES
            case False, True:
                assert isinstance(said, Reason)
            case _:
                assert said is None
    assert read.intruders == len((successes | refused) - set(SENT))


@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()), st.integers(0, 200))
@example(ok([A, B, C], [(A, "x")]), 30)
@example(ok([A, B, C]), 200)
def test_no_body_whole_or_cut_raises(body: bytes, cut: int) -> None:
    read = reconcile(body[:cut], SENT)
    assert not isinstance(read, Reconciled) or len(read.said) == len(SENT)


@given(st.lists(st.text(min_size=1), min_size=1, max_size=15, unique=True))
def test_the_whole_batch_activated_is_read_as_that_whatever_the_ids(ids: list[str]) -> None:
    assert reconcile(ok(ids, []), tuple(ids)) == all_well(len(ids))
