"""What Schemathesis cannot know of our API. It loads this file by its name."""

import json
from typing import Any

import schemathesis
from hypothesis import strategies as st

IDS = st.lists(st.from_regex(r"[0-9a-f]{8}", fullmatch=True), min_size=1, max_size=5)

# It would make up any text in the place of a list.
schemathesis.openapi.media_type("text/plain", IDS.map(lambda ids: "\n".join(ids).encode()))
schemathesis.openapi.media_type("text/csv", IDS.map(lambda ids: "\n".join(["id", *ids]).encode()))
schemathesis.openapi.media_type(
    "application/x-ndjson", IDS.map(lambda ids: "\n".join(map(json.dumps, ids)).encode())
)


@schemathesis.hook
def before_load_schema(_: schemathesis.HookContext, raw_schema: dict[str, Any]) -> None:
    """Has histories begin with a new job: it prefers what has links and names no organization."""
    retry = raw_schema["paths"]["/api/v1/jobs/{job_id}/retry"]["post"]
    del retry["responses"]["201"]["links"]
