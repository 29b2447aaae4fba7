"""The fields of a form."""

from typing import Final
from urllib.parse import parse_qsl

from producers.web.api import AnyRequest, small_body
from producers.web.problems import Code, ProblemError
from worker.core.errors import BadInputError

MEDIA_TYPE: Final = "application/x-www-form-urlencoded"
_MAX_FIELDS: Final = 20
"""Fields of a form."""


async def fields_of(request: AnyRequest) -> dict[str, str]:
    """The fields in the body, without the spaces around them. Raises `ProblemError` and `BadInputError`."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != MEDIA_TYPE:
        raise ProblemError(Code.UNSUPPORTED_MEDIA_TYPE, f"a form comes as {MEDIA_TYPE}")
    body = await small_body(request)
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError:
        raise BadInputError("this is no form of ours") from None
    return {name: value.strip() for name, value in pairs}
