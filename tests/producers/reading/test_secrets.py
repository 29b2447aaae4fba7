import io
import secrets
from pathlib import Path

import pytest

from producers.reading import InputOptions, Source, check_no_secrets
from worker.core.errors import BadInputError
from worker.core.ids import SECRET_SAMPLE


def check(data: bytes, options: InputOptions = InputOptions()) -> None:  # noqa: B008  It is frozen.
    with Source.open("-", io.BytesIO(data)) as source:
        check_no_secrets(source, options)


def values(count: int) -> list[str]:
    return [secrets.token_urlsafe(48) for _ in range(count)]


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (InputOptions(), "{}"),
        (InputOptions(format="csv"), "{}"),
        (InputOptions(column="2"), "name,{}"),
        (InputOptions(format="ndjson"), '{{"id":"{}"}}'),
    ],
)
def test_a_list_of_token_values_stops_without_being_quoted(options: InputOptions, line: str) -> None:
    tokens = values(3)
    with pytest.raises(BadInputError, match="--allow-token-like-ids") as caught:
        check("\n".join(line.format(token) for token in tokens).encode(), options)
    assert "expected token ids, not token values" in str(caught.value)
    assert not any(token in str(caught.value) for token in tokens)


def test_the_user_can_vouch_for_the_ids() -> None:
    check("\n".join(values(3)).encode(), InputOptions(allow_token_like_ids=True))


def test_half_of_the_list_is_not_most_of_it() -> None:
    check("\n".join([*values(2), "a", "b"]).encode())


def test_malformed_and_blank_lines_do_not_dilute_a_list_of_token_values() -> None:
    with pytest.raises(BadInputError, match="token values"):
        check("\n".join([*values(2), "a", *(["", "not good"] * 50)]).encode())


def test_only_the_beginning_is_looked_at() -> None:
    check("\n".join([*(f"id{n}" for n in range(SECRET_SAMPLE)), *values(SECRET_SAMPLE * 2)]).encode())


@pytest.mark.parametrize("data", [b"", b"a\nb\n", b"%064x\n%064x" % (1, 2)])
def test_other_lists_pass(data: bytes) -> None:
    check(data)


def test_the_check_leaves_the_source_usable(tmp_path: Path) -> None:
    path = tmp_path / "ids"
    path.write_bytes(b"a\n")
    with Source.open(str(path)) as source:
        check_no_secrets(source, InputOptions())
        check_no_secrets(source, InputOptions())
        assert len(list(source.lines())) == 1
