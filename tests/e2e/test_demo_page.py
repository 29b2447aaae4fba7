"""`demo --web`: the page of its job, for whoever started it, until Ctrl-C."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.e2e.stack import BULK_ACTIVATE, TIMEOUT, environment
from tests.web.page.browsing import ACCEPT, text_of


def test_a_browser_sees_the_job_of_the_demo_until_ctrl_c(tmp_path: Path) -> None:
    command = [BULK_ACTIVATE, "demo", "--web", "--ids", "300", "-o", "json"]
    given = environment({"STATE_DIR": str(tmp_path)})
    with subprocess.Popen(
        command, env=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as demo:
        try:
            assert demo.stderr is not None
            address = next(line for line in demo.stderr if "The page of the job" in line).split()[-1]
            next(line for line in demo.stderr if "stays until Ctrl-C" in line)
            key = urlsplit(address).query.removeprefix("key=")
            url = address.partition("/?")[0]
            with httpx.Client(base_url=url, headers={"Accept": ACCEPT}, timeout=TIMEOUT) as browser:
                assert browser.get(address).headers["location"] == "/"
                (job,) = browser.get("/api/v1/jobs").json()["jobs"]
                assert (job["state"], job["counts"]["total"]) == ("completed", 300)
                assert job["job_id"] in browser.get("/").text
                assert "completed" in text_of(browser.get(f"/jobs/{job['job_id']}"))
            demo.send_signal(signal.SIGINT)
            out, err = demo.communicate(timeout=TIMEOUT)
        finally:
            demo.kill()
    assert demo.returncode == 3, err
    report = json.loads(out)
    assert (report["job_id"], report["state"]) == (job["job_id"], "completed")
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)
    # The key was printed once, and lies in no file.
    assert key not in err + out
    assert not any(key.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_without_the_extra_nothing_is_started(tmp_path: Path) -> None:
    without = "import sys; sys.modules['uvicorn'] = None;"
    absent = f"{without} from producers.cli.main import main; main(['demo', '--web'])"
    given = environment({"STATE_DIR": str(tmp_path / "state")})
    done = subprocess.run(
        [sys.executable, "-c", absent], env=given, capture_output=True, text=True, check=False
    )
    assert (done.returncode, "bulk-activation-worker[serve]" in done.stderr) == (2, True)
    assert not (tmp_path / "state").exists()
