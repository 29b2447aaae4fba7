"""The parameters that say how a list is read."""

from typing import Annotated, Any, Final, cast

from litestar.di import NamedDependency, Provide
from litestar.params import QueryParameter

from producers.keywords import ReadingOptions
from producers.web.api import AnyRequest
from producers.web.uploads import format_of

FORMATS: Final = ("auto", "lines", "csv", "tsv", "ndjson")
"""The formats that a body can have; workbooks have no media type here."""


def optional(description: str, **more: Any) -> Any:
    return QueryParameter(description=description, required=False, **more)


def reading_options(
    request: AnyRequest,
    column: Annotated[str, optional("The column of a table that holds the ids: its name or number.")] = "",
    delimiter: Annotated[
        str | None, optional("What stands between the cells of a CSV.", max_length=1)
    ] = None,
    field: Annotated[str, optional("The field of NDJSON objects that holds the id.")] = "",
    format_: Annotated[
        str,
        optional(
            "How the list is written; without it the Content-Type says it.",
            name="format",
            pattern=f"^(?:{'|'.join(FORMATS)}|)$",
        ),
    ] = "",
    strict: Annotated[bool, optional("Refuse a list that has a malformed line.")] = False,
    allow_malformed: Annotated[bool, optional("Take a list most of whose lines are malformed.")] = False,
    allow_token_like_ids: Annotated[
        bool, optional("These are ids, although they look like token values.")
    ] = False,
) -> ReadingOptions:
    """How the list in the body is read. Raises `ProblemError` for a body that is no list."""
    by_media_type = format_of(request)
    given = {
        "format": format_ or by_media_type,
        "column": column,
        "delimiter": delimiter,
        "field": field,
        "strict": strict,
        "allow_malformed": allow_malformed,
        "allow_token_like_ids": allow_token_like_ids,
    }
    return cast("ReadingOptions", {name: value for name, value in given.items() if value})


Reading = NamedDependency[ReadingOptions]
READING: Final = {"reading": Provide(reading_options, sync_to_thread=False)}
