"""What is believed of a message from the queue."""

import json

import pytest

from tests.faults.messages import UNKNOWN_JOB, message, spoilt
from worker.core.envelope import BadMessageError, Wake, read_envelope, write_envelope

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SPOILT = dict(spoilt())


@pytest.mark.parametrize("name", SPOILT)
def test_a_foreign_message_is_rejected_and_not_quoted(name: str) -> None:
    with pytest.raises(BadMessageError) as caught:
        read_envelope(SPOILT[name])
    assert str(caught.value).startswith("not as ours are")
    assert "os.system" not in str(caught.value)


@pytest.mark.parametrize("raw", ["text", 7, None, [], {}, [message()]])
def test_an_envelope_of_another_form_is_rejected(raw: object) -> None:
    with pytest.raises(BadMessageError):
        read_envelope(raw)


def test_of_ours_the_slice_and_the_trace_are_read() -> None:
    raw = message(headers={"traceparent": TRACE})
    assert read_envelope(raw) == Wake(raw["headers"]["id"], UNKNOWN_JOB, 0, 15, TRACE)


@pytest.mark.parametrize("trace", ["", "x", f"{TRACE}\n", 7, {"a": 1}])
def test_a_bad_trace_costs_only_itself(trace: object) -> None:
    assert read_envelope(message(headers={"traceparent": trace})).traceparent is None


def test_a_rebuilt_message_reads_the_same_and_carries_nothing_else() -> None:
    forged = {
        "eta": "2999-01-01T00:00:00",
        "expires": "2000-01-01T00:00:00",
        "reply_to": "x",
        "timelimit": [1, 1],
        "shadow": "another name",
        "stamped_headers": ["x"],
        "retries": 99,
        "traceparent": TRACE,
    }
    raw = message(headers=forged, properties={"reply_to": "someone", "delivery_info": {"exchange": "evil"}})
    wake = read_envelope(raw)
    made = write_envelope(wake, "bulk-activation.3", "tag")
    assert read_envelope(made) == wake
    text = json.dumps(made)
    for word in ("2999", "2000-01", "someone", "another name", "evil", "stamped", "99,"):
        assert word not in text
    assert made["properties"]["delivery_info"] == {"exchange": "", "routing_key": "bulk-activation.3"}
