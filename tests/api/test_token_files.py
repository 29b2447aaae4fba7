"""Where an organization's API token comes from: its own file, else the token that serves all."""

import os
import socket
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from aiohttp import web

from tests.api.clients import ORG, SECRET, Clock, parts
from tests.api.servers import Recorder, recording
from worker.api.credentials import CredentialRejectedError
from worker.api.tokens import NotOwnerError

OUTSIDE = "what-stands-outside-of-the-folder"
A_LIFE = 90.0
OTHER_ORG = "0f2c1d6e-0000-4000-8000-000000000002"


def grant() -> web.Response:
    return web.json_response({"access_token": "given", "expires_in": A_LIFE})


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
    clock = Clock()
    async with recording(grant()) as api, parts(api.url, clock, credentials_dir=tmp_path) as mine:
        await mine.tokens.get(ORG)
        file.write_text("second")
        clock.at += A_LIFE
        await mine.tokens.get(ORG)
        file.unlink()
        clock.at += A_LIFE
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


def a_folder(file: Path) -> None:
    file.mkdir()


def a_pipe(file: Path) -> None:
    os.mkfifo(file)


def a_socket(file: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        os.chdir(file.parent)  # A socket's path may have a hundred characters only.
        listening.bind(file.name)


def a_device(file: Path) -> None:
    # A link to one: only root may make one. It leads out of the folder besides.
    file.symlink_to("/dev/zero")


def a_gigabyte(file: Path) -> None:
    with file.open("wb") as sparse:
        sparse.truncate(1 << 30)


def no_utf_8(file: Path) -> None:
    file.write_bytes(b"\xff\xfe\x00t")


def two_words(file: Path) -> None:
    file.write_text("token = value")


def two_lines(file: Path) -> None:
    file.write_text("one\ntwo")


def a_link_to_nothing(file: Path) -> None:
    file.symlink_to("gone")


def a_link_to_itself(file: Path) -> None:
    file.symlink_to(file.name)


def a_link_out(file: Path) -> None:
    outside = file.parent.parent / "outside"
    outside.write_text(OUTSIDE)
    file.symlink_to(outside)


def a_link_out_by_dots(file: Path) -> None:
    (file.parent.parent / "outside").write_text(OUTSIDE)
    file.symlink_to("../outside")


def a_link_out_by_a_folder(file: Path) -> None:
    (file.parent.parent / "outside").write_text(OUTSIDE)
    (file.parent / "up").symlink_to("..")
    file.symlink_to("up/outside")


def a_link_to_its_folder(file: Path) -> None:
    file.symlink_to(".")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (a_folder, "is no regular file"),
        (a_pipe, "is no regular file"),
        (a_socket, "is no regular file"),
        (a_device, "leads out of the folder"),
        (a_gigabyte, "is larger than 16384 bytes"),
        (no_utf_8, "is no text of one word"),
        (two_words, "is no text of one word"),
        (two_lines, "is no text of one word"),
        (a_link_to_nothing, "cannot be read"),
        (a_link_to_itself, "cannot be read"),
        (a_link_out, "leads out of the folder"),
        (a_link_out_by_dots, "leads out of the folder"),
        (a_link_out_by_a_folder, "leads out of the folder"),
        (a_link_to_its_folder, "leads out of the folder"),
    ],
)
async def test_a_file_that_cannot_be_used_is_a_credential_to_be_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "credentials"
    folder.mkdir()
    make(folder / ORG)
    # The token that serves all is there; another account's may not stand in for the organization's own.
    async with recording(grant()) as api, parts(api.url, credentials_dir=folder) as mine:
        with pytest.raises(
            CredentialRejectedError, match=f"the file {ORG} .*{says}.*, then resume"
        ) as caught:
            await mine.tokens.get(ORG)
    assert api.seen == []
    # The error that Python raises can hold the bytes of the file.
    assert caught.value.__cause__ is None
    assert OUTSIDE not in str(caught.value)


async def test_files_as_kubernetes_shows_them_are_read_and_changed_at_once(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / f"..2026_{number}").mkdir()
        (tmp_path / f"..2026_{number}" / ORG).write_text(f"token-{number}")
    (tmp_path / "..data").symlink_to("..2026_1")
    (tmp_path / ORG).symlink_to(f"..data/{ORG}")
    clock = Clock()
    async with recording(grant()) as api, parts(api.url, clock, credentials_dir=tmp_path) as mine:
        await mine.tokens.get(ORG)
        (tmp_path / "..new").symlink_to("..2026_2")
        (tmp_path / "..new").rename(tmp_path / "..data")
        clock.at += A_LIFE
        await mine.tokens.get(ORG)
    assert shown(api) == ["token-1", "token-2"]


async def test_a_folder_that_is_a_link_itself_is_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / ORG).write_text("\ufeffits-own-token\r\n", encoding="utf-8")
    (tmp_path / "link").symlink_to("real")
    async with recording(grant()) as api, parts(api.url, credentials_dir=tmp_path / "link") as mine:
        await mine.tokens.get(ORG)
    assert shown(api) == ["its-own-token"]


@pytest.mark.parametrize(
    "content", ["\ufeffits-own-token\r\n".encode("utf-16-le"), b'"its-own-token"\n'], ids=["UTF-16", "quotes"]
)
async def test_text_around_a_token_in_a_file_is_removed(tmp_path: Path, content: bytes) -> None:
    (tmp_path / ORG).write_bytes(content)
    async with recording(grant()) as api, parts(api.url, credentials_dir=tmp_path) as mine:
        await mine.tokens.get(ORG)
    assert shown(api) == ["its-own-token"]


@pytest.mark.parametrize(("file", "asked"), [(ORG.upper(), ORG), (ORG, ORG.upper())])
async def test_the_case_of_letters_in_a_files_name_says_nothing(
    tmp_path: Path, file: str, asked: str
) -> None:
    (tmp_path / file).write_text("its-own-token")
    async with recording(grant()) as api, parts(api.url, credentials_dir=tmp_path) as mine:
        await mine.tokens.get(asked)
    assert shown(api) == ["its-own-token"]


async def test_two_files_of_one_organization_are_not_chosen_between(tmp_path: Path) -> None:
    for name in (ORG, ORG.upper()):
        (tmp_path / name).write_text("its-own-token")
    async with recording(grant()) as api, parts(api.url, credentials_dir=tmp_path) as mine:
        with pytest.raises(CredentialRejectedError, match=f"{ORG.upper()} and {ORG} .* case of letters"):
            await mine.tokens.get(ORG)
    assert api.seen == []


async def test_a_folder_that_is_not_there_is_not_passed_over(tmp_path: Path) -> None:
    async with recording(grant()) as api, parts(api.url, credentials_dir=tmp_path / "gone") as mine:
        with pytest.raises(CredentialRejectedError, match=r"BULK_ACTIVATE_CREDENTIALS_DIR .No such file"):
            await mine.tokens.get(ORG)
    assert api.seen == []


@pytest.mark.parametrize(
    "org_id",
    [
        *("", ".", "..", "../outside", "/etc/hostname", "%2e%2e%2foutside", "a/../../../deactivate"),
        *(f"{ORG}{more}" for more in ("/..", "?x=", "#", " ", "\0", "\n", "\ud800")),
    ],
)
async def test_a_forged_organization_reads_no_file_and_sends_nothing(tmp_path: Path, org_id: str) -> None:
    (tmp_path / "outside").write_text(OUTSIDE)
    (tmp_path / "credentials").mkdir()
    async with recording(grant()) as api, parts(api.url, credentials_dir=tmp_path / "credentials") as mine:
        with pytest.raises(CredentialRejectedError, match="no organization's id"):
            await mine.tokens.get(org_id)
        with pytest.raises(NotOwnerError, match="no organization's id"):
            await mine.client.activate(org_id, ("one",))
    async with recording(grant()) as api, parts(api.url, access_token="ready-made") as mine:
        with pytest.raises(NotOwnerError, match="no organization's id"):
            await mine.client.activate(org_id, ("one",))
    assert api.seen == []


async def test_with_no_credential_at_all_nothing_is_asked() -> None:
    async with recording(grant()) as api, parts(api.url, api_token=None) as mine:
        with pytest.raises(CredentialRejectedError, match="BULK_ACTIVATE_API_TOKEN"):
            await mine.tokens.get(ORG)
    assert api.seen == []
