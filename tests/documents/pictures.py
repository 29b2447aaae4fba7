"""Makes the pictures of README.md from a real run: `python -m tests.documents.pictures [--again]`.

A list goes through `submit`, a worker and the simulator, whose limit the worker has to find. What the live
view and the report had to show is kept in `run.json`, and each picture is drawn from that: `flow.svg` from
the numbers of the report, `terminal.svg` by the live view itself, `report.png` by Chromium from the report's
page, whose text is kept in `report.txt`. Chromium is looked for on PATH. `--again` draws them from the run
that is kept, after a change of wording or style.
"""

import argparse
import html
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console

from producers.cli.commands.demo import write_list
from producers.display.live_view import LiveView, as_lines
from producers.display.speed import SpeedMeter
from tests.documents.flow import flow
from tests.documents.markdown import ROOT
from tests.e2e.stack import Stack, simulator_process
from tests.servers import valkey9
from worker.core.job import AT_REST
from worker.reports.html.page import page
from worker.reports.status import ReportSnapshot, read_report, read_snapshot
from worker.store.connect import sync_client
from worker.store.jobs import JobStore
from worker.store.store_reader import WORKERS_WITHIN_MS

IMAGES: Final = ROOT / ".github" / "images"
LINES: Final = 15_000
_API: Final = ("--rate", "60", "--burst", "10", "--latency", "40", "--fail", "0.03", "--active", "0.03")
_BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
_COLUMNS: Final = 96
"""Of the terminal."""
_SIZE: Final = (1000, 1830)
"""Of the report's picture: the part of its page that a window shows."""
_POLL: Final = 0.1
"""Seconds between two looks at the job."""


class Run(msgspec.Struct, frozen=True):
    """What a run had to show."""

    seen: LiveView
    """A moment in the middle of it, while a 429 holds all sending."""
    end: ReportSnapshot

    def terminal(self) -> str:
        """The live view as a terminal shows it, after the command that it follows."""
        console = Console(
            record=True, file=StringIO(), force_terminal=True, highlight=False, width=_COLUMNS, height=25
        )
        console.print("[bold green]$[/] bulk-activate submit ids.txt --org $ORG --watch")
        console.print(self.seen.report.job_id)
        console.print(as_lines(self.seen))
        svg = console.export_svg(title="bulk-activate", code_format=_SVG, unique_id="terminal")
        return re.sub(r"[ \t]+$", "", svg, flags=re.MULTILINE)

    def flow(self) -> str:
        return flow(self.end.report)

    def page(self) -> str:
        return page(self.end.report, [self.end])


_SVG: Final = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">
<style>
.{unique_id}-matrix {{ font: {char_height}px/{line_height}px ui-monospace, Menlo, Consolas, monospace; }}
.{unique_id}-title {{ font: bold 18px sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
"""As rich's own, without the fonts that it loads from elsewhere."""


def words(page_of_a_report: str) -> str:
    """The text that a page shows, a line for each piece between two tags."""
    shown = re.sub(r"<(style|title)>.*?</\1>", "", page_of_a_report, flags=re.DOTALL)
    pieces = (" ".join(html.unescape(piece).split()) for piece in re.split(r"<[^>]*>", shown))
    return "\n".join(filter(None, pieces)) + "\n"


def kept_run() -> Run:
    return msgspec.json.decode((IMAGES / "run.json").read_bytes(), type=Run)


def real_run() -> Run:
    """Runs a job and looks at it as a watch does."""
    with (
        tempfile.TemporaryDirectory() as folder,
        valkey9() as real,
        Stack(Path(folder), real.server.url, outer={"LOGNAME": "alice"}) as stack,
        simulator_process(*_API) as api,
        sync_client(real.server.url) as client,
    ):
        ids, store = Path(folder, "ids.txt"), JobStore(client)
        write_list(ids, LINES)
        stack.worker(api, rate="auto")
        while not store.live_workers(WORKERS_WITHIN_MS):
            time.sleep(_POLL)
        job_id = stack.submit(ids.read_text().splitlines(), "--label", "incident=42")
        seen = [*_watched(store, job_id)]
        middle = [view for view in seen if 20 <= view.report.progress.percent <= 90 and view.hold_seconds()]
        return Run((middle or seen[len(seen) // 2 :])[0], read_snapshot(store, job_id))


def _watched(store: JobStore, job_id: str) -> Iterator[LiveView]:
    meter = SpeedMeter()
    while (report := read_report(store, job_id)).state not in AT_REST:
        workers = store.live_workers(WORKERS_WITHIN_MS)
        yield LiveView(report, store.now_ms(), workers, meter.add(time.monotonic(), report))
        time.sleep(_POLL)


def photograph(shown: str, picture: Path) -> None:
    """Has Chromium draw the beginning of a page."""
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if browser is None:
        sys.exit(f"{picture.name} is left as it was: none of {', '.join(_BROWSERS)} is on PATH")
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "report.html")
        source.write_text(shown, encoding="utf-8")
        options = ("--headless", "--no-sandbox", "--hide-scrollbars", "--force-color-profile=srgb")
        size = f"--window-size={_SIZE[0]},{_SIZE[1]}"
        subprocess.run(
            [
                browser,
                *options,
                size,
                f"--user-data-dir={folder}",
                f"--screenshot={picture}",
                source.as_uri(),
            ],
            check=True,
            capture_output=True,
            timeout=120,
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--again", action="store_true", help="draw the run that is kept, and run nothing")
    run = kept_run() if parser.parse_args().again else real_run()
    IMAGES.mkdir(exist_ok=True)
    (IMAGES / "run.json").write_bytes(msgspec.json.format(msgspec.json.encode(run), indent=1) + b"\n")
    (IMAGES / "terminal.svg").write_text(run.terminal(), encoding="utf-8")
    (IMAGES / "flow.svg").write_text(run.flow(), encoding="utf-8")
    photograph(run.page(), IMAGES / "report.png")
    (IMAGES / "report.txt").write_text(words(run.page()), encoding="utf-8")


if __name__ == "__main__":
    main()
