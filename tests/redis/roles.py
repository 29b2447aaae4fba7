"""Performs the work of each Redis user of `deploy/redis/users.conf` with its rights."""

import socket
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

import httpx
import redis
from celery import Celery

from tests.e2e.stack import CELERY, ORG, Simulator, Stack, new_ids, until
from tests.monitoring.flowers import Flower, flower
from tests.monitoring.scrapes import exporter
from tests.redis.guarded import PASSWORD, Process
from tests.web.served import TEXT, served
from worker.queue.messages import make_app
from worker.settings import load

ROLES: Final = ("submitter", "worker", "serve", "monitor")
CONF: Final = Path(__file__).parents[2] / "deploy" / "redis" / "users.conf"
DB: Final = 3


def users() -> dict[str, str]:
    """The configuration line of each user by role, for the database of these tests."""
    lines = [line for line in CONF.read_text().splitlines() if line.startswith("user ")]
    filled = [line.replace(">CHANGE-ME", f">{PASSWORD}").replace("&/0.", f"&/{DB}.") for line in lines]
    return {line.split()[1].removeprefix("bulk-"): line for line in filled}


@dataclass(frozen=True)
class Scene:
    """A Redis with a user per role."""

    real: Process
    home: Path
    api: Simulator

    def stack(self, role: str) -> Stack:
        home = self.home / role
        home.mkdir(exist_ok=True)
        login = f"bulk-{role}:{quote(PASSWORD, safe='')}"
        return Stack(home, f"redis://{login}@127.0.0.1:{self.real.port}/{DB}")

    def admin(self) -> redis.Redis:
        return self.real.admin()


def done(stack: Stack, *words: str, **settings: str) -> str:
    """Output of a command. Fails with its errors if it fails."""
    ran = stack.cli(*words, **settings)
    assert ran.code == 0, ran.err
    return ran.out.strip()


def submits(scene: Scene) -> str:
    """Everything that is done with jobs before a worker takes them. Leaves one waiting job."""
    stack = scene.stack("submitter")
    ids = new_ids(60)
    request = ("--request-id", uuid.uuid4().hex)
    job = stack.submit([*ids, ids[0]], *request)
    assert stack.submit([*ids, ids[0]], *request) == job
    ended = stack.submit(new_ids(3))
    for words in (("pause", job), ("resume", job), ("set-rate", ORG, "50"), ("cancel", ended), ("list",)):
        done(stack, *words)
    return job


def works(scene: Scene, job: str) -> None:
    """A worker completes the waiting job and answers Celery's remote control."""
    stack = scene.stack("worker")
    worker = stack.worker(scene.api, "--name", "one")
    until(lambda: any("job ended" in line and job in line for line in stack.log.read_text().splitlines()))
    # With a name it ends at the answer, without one at the end of the time.
    asked = ("--timeout", "60", "--destination", f"one@{socket.gethostname()}")
    assert stack.start([CELERY, "-A", "worker", "inspect", *asked, "ping"]).wait() == 0
    done(stack, "doctor", API_URL=scene.api.url)
    worker.terminate()
    assert worker.wait() == 0


def takes_up(scene: Scene, job: str) -> str:
    """Everything that is done with a job that has ended. Leaves one waiting job."""
    stack = scene.stack("submitter")
    child = done(stack, "retry", job)
    done(stack, "report", child, "--merged", "--output", str(stack.home / "report.html"))
    done(stack, "cancel", child)
    for words in (("purge", child), ("verify", job), ("doctor",)):
        done(stack, *words, API_URL=scene.api.url)
    assert len(stack.rows(job)) == 61
    return stack.submit(new_ids(3))


def serves(scene: Scene, job: str) -> None:
    """Every request of the HTTP API, with a job that has ended and with new ones."""
    stack = scene.stack("serve")
    with served(stack.redis_url, stack.home) as server:
        client = server.client("admin")
        new, tag = _submitted(client)
        more = client.get("/api/v1/jobs?limit=1").json()["next_page_token"]
        for method, path, body in (
            ("GET", f"/api/v1/jobs?page_token={more}", None),
            ("POST", f"/api/v1/jobs/{new}/pause", {"reason": "a look"}),
            ("POST", f"/api/v1/jobs/{new}/resume", None),
            ("PATCH", f"/api/v1/jobs/{new}", {"weight": 2}),
            ("PUT", f"/api/v1/orgs/{ORG}/rate", 50),
            ("POST", f"/api/v1/jobs/{new}/cancel", None),
            ("GET", f"/api/v1/jobs/{new}/events", None),
            ("POST", f"/api/v1/jobs/{new}/retry", None),
            ("GET", f"/api/v1/jobs/{new}/results?merged=true", None),
            ("GET", f"/api/v1/jobs/{new}/report.html?merged=true", None),
            ("DELETE", f"/api/v1/jobs/{new}", None),
            ("POST", f"/api/v1/jobs/{job}/verify", None),
            ("GET", f"/api/v1/jobs/{job}/results", None),
            ("GET", f"/api/v1/jobs/{job}/results?id=an-id", None),
            ("GET", "/readyz", None),
        ):
            answer = client.request(method, path, json=body, headers={"If-None-Match": tag})
            assert answer.is_success, f"{method} {path}: {answer.text}"


def _submitted(client: httpx.Client) -> tuple[str, str]:
    """A new job, submitted twice, and its entity tag."""
    ids = new_ids(60)
    headers = TEXT | {"Idempotency-Key": uuid.uuid4().hex}
    body = "\n".join([*ids, ids[0]])
    assert client.post("/api/v1/plans", content=body, headers=TEXT).status_code == 200
    made = [client.post(f"/api/v1/jobs?org_id={ORG}", content=body, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in made] == [201, 200]
    return made[0].json()["job_id"], made[0].headers["etag"]


def looks_on(scene: Scene, job: str, waits: str) -> None:
    """Everything that only reads: reports, metrics for Prometheus, and Flower."""
    stack = scene.stack("monitor")
    assert job in done(stack, "list")
    assert '"completed"' in done(stack, "status", job, "-o", "json")
    assert '"queued"' in done(stack, "status", waits, "-o", "json")
    assert len(stack.rows(job)) == 61
    with exporter(stack.redis_url) as shown:
        assert shown.value("redis_up") == 1
        assert shown.value("jobs_live") == 2  # One waits for commands, one for `serve`.
    with flower(stack.redis_url, stack.home / "flower.log") as page:
        for path in ("/tasks", "/workers", "/broker"):
            assert page.status(path) == 200
        # Only Flower listens: somebody else has to tell.
        with make_app(load(redis_url=scene.stack("worker").redis_url)) as app:
            until(lambda: tells(app, page))


def tells(app: Celery, page: Flower) -> bool:
    """Sends Flower the event of a job again. Returns whether it shows the job."""
    with app.events.default_dispatcher(hostname="told@here") as dispatcher:
        dispatcher.send("task-received", uuid="a-job", name="told", args="()", kwargs="{}")
    return "a-job" in page.tasks()
