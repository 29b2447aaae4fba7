import io

from hypothesis import given, settings
from hypothesis import strategies as st

from producers.reading import InputOptions, Manifest, ManifestCounter, Seen, Source, read_rows


@settings(deadline=None)  # A busy machine is no failure.
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=3), max_size=60))
def test_each_id_leads_to_the_line_where_it_stood_first(ids: list[str]) -> None:
    seen = Seen()
    found = [seen.first_line(id_, line) for line, id_ in enumerate(ids, 1)]
    assert found == [ids.index(id_) + 1 for id_ in ids]


def test_lists_do_not_know_of_each_other() -> None:
    assert Seen().first_line("a", 1) == 1
    assert Seen().first_line("a", 2) == 2


def test_the_manifest_counts_rows_and_neither_blank_nor_header_lines() -> None:
    data = b"id,note\n\na,x\nb,y\n,\na,z\nnot good,x\n\n,empty\na,again\n"
    counter = ManifestCounter()
    with Source.open("-", io.BytesIO(data)) as source:
        for row in read_rows(source, InputOptions(format="csv")):
            counter.count(row)
        manifest = counter.manifest(source.sha256)
    assert manifest == Manifest(source.sha256, lines=6, unique=2, duplicates=2, malformed=2)


def test_an_empty_list_has_a_manifest_too() -> None:
    assert ManifestCounter().manifest("x") == Manifest("x", 0, 0, 0, 0)
