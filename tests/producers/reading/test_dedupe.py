import io
from collections.abc import Iterable, Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from producers.reading import (
    Duplicate,
    IdSpan,
    InputOptions,
    Manifest,
    ManifestCounter,
    Piece,
    Source,
    read_list,
    survey,
)
from producers.reading.dedupe import Hashes, without_duplicates


@settings(deadline=None)  # A busy machine is no failure.
@given(st.lists(st.lists(st.text(max_size=2), min_size=1, max_size=9), max_size=30), st.integers(0, 9))
def test_each_id_passes_once_and_each_other_time_names_its_first_line(
    lists: list[list[str]], gap: int
) -> None:
    ids = [id_ for some in lists for id_ in some]
    lines = iter(range(1, 10 * len(ids) + 1, gap + 1))
    spans = [IdSpan([next(lines) for _ in some], some) for some in lists]
    placed = [pair for some in spans for pair in zip(some.lines, some.ids, strict=True)]
    first = {id_: line for line, id_ in reversed(placed)}
    expected = [(line, id_, first[id_]) for line, id_ in placed]
    hashes = Hashes()
    for some in spans:
        hashes.add(some.ids)
    assert list(flat(without_duplicates(spans, hashes.repeated()))) == expected


def flat(pieces: Iterable[Piece]) -> Iterator[tuple[int, str, int]]:
    """Line, id, and the line where it stood first."""
    for piece in pieces:
        if isinstance(piece, IdSpan):
            yield from zip(piece.lines, piece.ids, piece.lines, strict=True)
        elif isinstance(piece, Duplicate):
            yield piece.line, piece.id, piece.first_line


def test_ids_that_share_a_hash_are_told_apart() -> None:
    """As all do here, by chance as it were."""
    id_span = IdSpan([1, 2, 3, 4], ["a", "b", "a", "c"])
    pieces = list(without_duplicates([id_span], {hash(id_) for id_ in "abc"}))
    assert pieces == [IdSpan([1, 2], ["a", "b"]), Duplicate(3, "a", 1), IdSpan([4], ["c"])]


def test_repeated_ids_are_found_however_many_looks_lie_between() -> None:
    hashes = Hashes()
    many = [str(number) for number in range(250_000)]
    for start in range(0, len(many), 1000):
        hashes.add(many[start : start + 1000])
    hashes.add(["7", "249999", "new"])
    hashes.add(many[:500])
    assert hashes.repeated() == {hash(id_) for id_ in (*many[:500], "249999")}


def test_the_manifest_counts_rows_and_neither_blank_nor_header_lines() -> None:
    data = b"id,note\n\na,x\nb,y\n,\na,z\nnot good,x\n\n,empty\na,again\n"
    counter = ManifestCounter()
    with Source.open("-", io.BytesIO(data)) as source:
        options = InputOptions(format="csv")
        for piece in read_list(source, options, survey(source, options)):
            counter.count(piece)
        manifest = counter.manifest(source.sha256)
    assert manifest == Manifest(source.sha256, lines=6, unique=2, duplicates=2, malformed=2)


def test_an_empty_list_has_a_manifest_too() -> None:
    assert ManifestCounter().manifest("x") == Manifest("x", 0, 0, 0, 0)
