"""Every file, and every name of the code, that a document mentions is there."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pytest

from tests.documents.markdown import ROOT, Document, documents
from worker.reports import folder

ALL = pytest.mark.parametrize("page", documents(), ids=lambda page: page.name)

USERS: Final = {"ids.txt", "owner-token", "junit.xml", ".env", "images.env"}
"""Files that a reader has or makes."""
_MEDIA_TYPE: Final = re.compile(r"(?:text|application)/[a-z.+-]+")
RESULTS: Final = {
    value for name, value in vars(folder).items() if name.isupper() and isinstance(value, str)
} | {"results/"}

_SUFFIXES: Final = (
    "py|lua|md|txt|toml|ya?ml|json|html|css|svg|png|sh|conf|service|jinja2?|example|csv|ini|env|xml"
)
_FILE: Final = re.compile(rf"[\w.{{}}*@-]+\.(?:{_SUFFIXES})|Dockerfile|\.?[\w*@][\w.*@-]*/(?:[\w.*@/-]*)")
_NAME: Final = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*(?:\(\))?")

FOREIGN: Final = """
    chord soft_time_limit acks_late reject_on_worker_lost hincrby rpush core_pattern no_color
    sigusr1 sighup sigquit sigterm ssl_cert_reqs zsh_source fish_source test_
"""
"""Names of Celery's, Redis's, the shell's and others, in lower case, that no file of ours holds."""


@cache
def source_words() -> frozenset[str]:
    """Every word of the repository's files but its documents and those of these tests, in lower case."""
    words: set[str] = set()
    for path in _files():
        if path.suffix != ".md" and path.parent != Path(__file__).parent and "requirements" not in path.parts:
            words.update(re.findall(r"[a-z_]\w*", path.read_text(encoding="utf-8", errors="ignore").lower()))
            words.update(re.findall(r"[a-z_]\w*", path.stem.lower()))
    return frozenset(words)


@cache
def _files() -> tuple[Path, ...]:
    top = [path for path in ROOT.iterdir() if path.is_file()]
    below = (ROOT / name for name in (".ci", ".github", "deploy", "producers", "tests", "worker"))
    found = [path for root in below for path in root.rglob("*") if path.is_file()]
    return tuple(
        path
        for path in top + found
        if "__pycache__" not in path.parts and path.suffix not in {".png", ".svg", ".pyc"}
    )


def _exists(page: Document, name: str) -> bool:
    """Whether a file or folder is there: from the document's folder, the top, a room, or below the document.

    Scripts in Lua are called by their names without a suffix.
    """
    name = name.removesuffix("/**").strip("/")
    bases = (page.path.parent, ROOT, ROOT / "worker", ROOT / "worker" / "core", ROOT / "deploy")
    found = [path for base in bases for path in base.glob(name)]
    below = page.path.parent.rglob(f"{Path(name).name}*")
    return bool(found) or any(path.as_posix().endswith((f"/{name}", f"/{name}.lua")) for path in below)


def _mentioned(page: Document) -> Iterator[tuple[str, str]]:
    """The words of code in running text, with where they stand."""
    for line, text in page.spans():
        for word in re.split(r"[\s,;|=()\[\]<>\"']+", text):
            if word:
                yield word, f"{page.name}:{line}: {text}"


@ALL
def test_every_file_is_there(page: Document) -> None:
    for word, where in _mentioned(page):
        name, _, inside = word.partition("::")
        if not _FILE.fullmatch(name) or name in USERS | RESULTS or "{" in name or _MEDIA_TYPE.fullmatch(name):
            continue
        assert _exists(page, name), where
        if inside:
            tree = ast.parse((ROOT / name).read_text(encoding="utf-8"))
            assert inside in {node.name for node in ast.walk(tree) if hasattr(node, "name")}, where


@ALL
def test_every_module_is_there(page: Document) -> None:
    for word, where in _mentioned(page):
        if not re.fullmatch(r"(?:worker|producers|tests)(?:\.\w+)+(?:\(\))?", word):
            continue
        parts = word.removesuffix("()").split(".")
        for length in range(len(parts), 0, -1):
            if _is_module(".".join(parts[:length])):
                left = [part.lower() for part in parts[length:]]
                assert all(part in source_words() for part in left), where
                break
        else:
            pytest.fail(where)


def _is_module(name: str) -> bool:
    if (ROOT / Path(*name.split("."))).is_dir():
        return True
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False


@ALL
def test_every_name_occurs_in_the_code(page: Document) -> None:
    known = source_words() | {*FOREIGN.split()}
    for word, where in _mentioned(page):
        if _FILE.fullmatch(word) or word in USERS | RESULTS or not _NAME.fullmatch(word):
            continue
        for part in word.removesuffix("()").split("."):
            # A metric stands in the code without its prefix, and without what Prometheus adds to a counter.
            name = part.lower().removeprefix("bulk_activate_").removesuffix("_total")
            assert not name or name in known, where


def test_a_name_that_is_gone_would_be_found(tmp_path: Path) -> None:
    made = tmp_path / "made.md"
    made.write_text("# Made\n\n`worker/gone.py`, `worker.gone.gone_too`, `GoneClass`\n", encoding="utf-8")

    class Made(Document):
        name = "made.md"

    page = Made(made)
    for check in (test_every_file_is_there, test_every_module_is_there, test_every_name_occurs_in_the_code):
        with pytest.raises((AssertionError, pytest.fail.Exception)):
            check(page)
