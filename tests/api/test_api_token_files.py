"""Where an organization's API token comes from: its own file, else the token that serves all."""

from pathlib import Path
from urllib.parse import parse_qs

import pytest
from aiohttp import web

from tests.api.clients import ORG, SECRET, parts
from tests.api.servers import Recorder, recording
from worker.api.tokens import CredentialRejectedError

OTHER_ORG = "0f2c1d6e-0000-4000-8000-000000000002"


def grant() -> web.Response:
    return web.json_response({"access_token": "given", "expires_in": 0.001})


def shown(api: Recorder) -> list[str]:
    """The API tokens that were sent, in order."""
    return [parse_qs(asked.body.decode())["api_token"][0] for asked in api.seen]


async def test_an_organizations_own_file_wins_and_others_fall_back(tmp_path: Path) -> None:
    (tmp_path / ORG).write_text("its-own-token\n")
    async with recording(grant()) as api, parts(api.url, credentials_dir=tmp_path) as mine:
        await mine.tokens.get(ORG)
        await mine.tokens.get(OTHER_ORG)
    assert shown(api) == ["its-own-token", SECRET]


async def test_a_file_is_read_anew_at_every_exchange(tmp_path: Path) -> None:
    file = tmp_path / ORG
    file.write_text("first")
    async with recording(grant()) as api, parts(api.url, credentials_dir=tmp_path) as mine:
        await mine.tokens.get(ORG)
        file.write_text("second")
        mine.tokens.refused(ORG, "given")
        await mine.tokens.get(ORG)
        file.unlink()
        mine.tokens.refused(ORG, "given")
        await mine.tokens.get(ORG)
    assert shown(api) == ["first", "second", SECRET]


async def test_a_mended_file_needs_no_restart(tmp_path: Path) -> None:
    refused = web.json_response({"message": "invalid_grant"}, status=400)
    async with (
        recording(refused, refused, grant()) as api,
        parts(api.url, credentials_dir=tmp_path, api_token=None) as mine,
    ):
        with pytest.raises(CredentialRejectedError, match="no credential for organization"):
            await mine.tokens.get(ORG)
        (tmp_path / ORG).write_text("wrong")
        with pytest.raises(CredentialRejectedError, match="refused"):
            await mine.tokens.get(ORG)
        (tmp_path / ORG).write_text("right")
        assert await mine.tokens.get(ORG) == "given"
    assert shown(api) == ["wrong", "wrong", "right"]


@pytest.mark.parametrize("content", [b"", b" \n"], ids=["empty", "blank"])
async def test_an_empty_file_is_a_credential_to_be_mended(tmp_path: Path, content: bytes) -> None:
    (tmp_path / ORG).write_bytes(content)
    async with recording(grant()) as api, parts(api.url, credentials_dir=tmp_path) as mine:
        with pytest.raises(CredentialRejectedError, match=r"empty.*resume the job"):
            await mine.tokens.get(ORG)
    assert api.seen == []


async def test_a_file_that_cannot_be_read_is_a_credential_to_be_mended(tmp_path: Path) -> None:
    # A folder, since root may read any file.
    (tmp_path / ORG).mkdir()
    async with recording(grant()) as api, parts(api.url, credentials_dir=tmp_path) as mine:
        with pytest.raises(CredentialRejectedError, match="make the file readable"):
            await mine.tokens.get(ORG)
    assert api.seen == []


async def test_a_file_that_is_no_text_is_a_credential_to_be_mended(tmp_path: Path) -> None:
    (tmp_path / ORG).write_bytes(b"\xff\xfe\x00t")
    async with recording(grant()) as api, parts(api.url, credentials_dir=tmp_path) as mine:
        with pytest.raises(CredentialRejectedError) as caught:
            await mine.tokens.get(ORG)
    # The error that Python raises holds the bytes of the file.
    assert caught.value.__suppress_context__
    assert api.seen == []


async def test_with_no_credential_at_all_nothing_is_asked() -> None:
    async with recording(grant()) as api, parts(api.url, api_token=None) as mine:
        with pytest.raises(CredentialRejectedError, match="BULK_ACTIVATE_API_TOKEN"):
            await mine.tokens.get(ORG)
    assert api.seen == []
