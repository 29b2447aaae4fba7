"""A trace leads from a job's submission over its slices to each request; off, it costs nothing."""

import json
import logging
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from tests.e2e.stack import BULK_ACTIVATE, ORG, TOKEN, Simulator, Stack, environment, new_ids, until
from tests.monitoring.collector import Collector, collector
from tests.servers import free_port, valkey9
from tests.web.served import TEXT, served
from worker.core.answers.reply import Reply
from worker.core.batches.batch import Batch
from worker.queue.messages import QUEUE_NAMES
from worker.store.connect import sync_client
from worker.telemetry import log_context
from worker.telemetry.traces.interface import TRACEPARENT, Service
from worker.telemetry.traces.opentelemetry import OpenTelemetry


@pytest.fixture
def traced(tmp_path: Path) -> Iterator[tuple[Stack, Collector]]:
    with collector() as running, valkey9() as real, Stack(tmp_path, real.server.url) as stack:
        yield stack, running


def headers(stack: Stack) -> list[dict[str, object]]:
    """Of the messages that wait for a worker."""
    with sync_client(stack.redis_url) as client:
        waiting = [cast("list[bytes]", client.lrange(name, 0, -1)) for name in QUEUE_NAMES]
    return [json.loads(message)["headers"] for queue in waiting for message in queue]


def test_each_request_belongs_to_its_slice_and_each_slice_to_the_submission(
    traced: tuple[Stack, Collector], api: Simulator
) -> None:
    stack, spans = traced
    ids = new_ids(6000)
    jobs = []
    for part in (ids[:3000], ids[3000:]):
        done = stack.cli("submit", "-", "--org", ORG, given="\n".join(part), TRACES_URL=spans.url)
        jobs.append(done.out.strip())
    assert len(headers(stack)) == 4
    assert all(TRACEPARENT in found for found in headers(stack))
    worker = stack.worker(api, TRACES_URL=spans.url)
    until(lambda: all(stack.report(job)["state"] == "completed" for job in jobs))
    worker.terminate()
    assert worker.wait() == 0
    submits = spans.spans("submit")
    assert [(span.parent, span.service) for span in submits] == [("", "bulk-activation-client")] * 2
    for job, submit in zip(jobs, submits, strict=True):
        slices = spans.spans("slice", job_id=job)
        assert {span.attributes["slice"] for span in slices} == {0, 1}
        assert {span.service for span in slices} == {"bulk-activation-worker"}
        assert {(span.trace, span.parent) for span in slices} == {(submit.trace, submit.id)}
        requests = spans.spans("activate", job_id=job)
        assert len(requests) == stack.report(job)["requests"]["sent"] == 200
        assert {span.trace for span in requests} == {submit.trace}
        parents = {span.id: span.attributes["slice"] for span in slices}
        assert all(parents[span.parent] == span.attributes["slice"] for span in requests)
        batches = Counter((span.attributes["slice"], span.attributes["batch"]) for span in requests)
        assert set(batches.values()) == {1}
        assert {span.attributes["http.response.status_code"] for span in requests} == {200}
    told = b"".join(spans.bodies)
    assert TOKEN.encode() not in told
    assert not any(name.encode() in told for name in ids)


def test_a_trace_leads_from_the_caller_over_its_http_request_to_each_slice(
    traced: tuple[Stack, Collector], api: Simulator, tmp_path: Path
) -> None:
    stack, spans = traced
    caller = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")
    given = TEXT | {TRACEPARENT: f"00-{'-'.join(caller)}-01"}
    path = f"/api/v1/jobs?org_id={ORG}"
    with served(stack.redis_url, tmp_path, TRACES_URL=spans.url) as server:
        body = "\n".join(new_ids(3000))
        # Without a key there is no span.
        assert server.client(None).post(path, content=body, headers=given).status_code == 401
        assert server.client(None).get("/sign-in", headers=given).status_code == 200
        client = server.client("operator")
        job = client.post(path, content=body, headers=given).json()["job_id"]
        worker = stack.worker(api, TRACES_URL=spans.url)
        until(lambda: stack.report(job)["state"] == "completed")
        worker.terminate()
        assert worker.wait() == 0
        assert client.post(f"/api/v1/jobs/{job}/retry").status_code == 201
        assert client.get("/api/v1/jobs/no-such-job").status_code == 404
        assert server.end() == 0
    assert spans.spans("GET /sign-in") == []
    (request,) = spans.spans("POST /api/v1/jobs")
    assert (request.trace, request.parent) == caller
    assert request.service == "bulk-activation-serve"
    assert request.attributes == {
        "http.request.method": "POST",
        "http.route": "/api/v1/jobs",
        "http.response.status_code": 201,
    }
    (submit,) = [span for span in spans.spans("submit") if span.trace == request.trace]
    assert (submit.parent, submit.service) == (request.id, request.service)
    (retried,) = spans.spans("POST /api/v1/jobs/{job_id}/retry")
    assert (retried.parent, retried.trace != request.trace) == ("", True)
    assert [span.parent for span in spans.spans("submit") if span.trace == retried.trace] == [retried.id]
    (missed,) = spans.spans("GET /api/v1/jobs/{job_id}")
    assert (missed.attributes["http.response.status_code"], missed.failed) == (404, False)
    assert {(span.trace, span.parent) for span in spans.spans("slice", job_id=job)} == {
        (submit.trace, submit.id)
    }
    assert not any(secret.encode() in b"".join(spans.bodies) for secret in server.secrets.values())


def test_a_refused_request_is_an_error_in_the_trace_of_a_job_that_nobody_traced(
    traced: tuple[Stack, Collector],
) -> None:
    stack, spans = traced
    job = stack.submit(new_ids(15))
    # Nobody listens there, so no request can go out.
    gone = f"http://127.0.0.1:{free_port()}"
    command = [BULK_ACTIVATE, "worker"]
    worker = stack.start(command, API_URL=gone, ACCESS_TOKEN="opaque", TRACES_URL=spans.url)
    until(lambda: stack.report(job)["state_reason"]["code"] == "api_unavailable")
    worker.terminate()
    assert worker.wait() == 0
    requests = spans.spans("activate", job_id=job)
    assert requests
    assert all(span.failed for span in requests)
    (part,) = spans.spans("slice", job_id=job)
    assert part.parent == ""
    assert spans.spans("submit") == []


def test_a_job_ends_though_nobody_takes_its_traces(tmp_path: Path, api: Simulator) -> None:
    url = f"http://127.0.0.1:{free_port()}/v1/traces"
    with valkey9() as real, Stack(tmp_path, real.server.url) as stack:
        done = stack.cli("submit", "-", "--org", ORG, given="\n".join(new_ids(30)), TRACES_URL=url)
        assert done.code == 0
        worker = stack.worker(api, TRACES_URL=url)
        until(lambda: stack.report(done.out.strip())["state"] == "completed")
        worker.terminate()
        assert worker.wait() == 0


@pytest.mark.parametrize("module", ["worker.celery", "producers.cli.commands.submit"])
def test_off_nothing_of_it_is_imported(module: str) -> None:
    # The Redis client takes to OpenTelemetry's metrics wherever it is installed; we to none of it.
    look = f"import sys, {module}; sys.exit('worker.telemetry.traces.opentelemetry' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", look], env=environment({}), check=False).returncode == 0


def test_without_the_extra_a_worker_does_not_start_and_says_what_to_install() -> None:
    without = "import sys; sys.modules['opentelemetry'] = None;"
    absent = f"{without} from worker.commands.worker import command; command()"
    done = subprocess.run(
        [sys.executable, "-c", absent],
        capture_output=True,
        text=True,
        env=environment({"TRACES_URL": "http://127.0.0.1:4318/v1/traces", "ACCESS_TOKEN": "opaque"}),
        check=False,
    )
    assert done.returncode == 2
    assert "BULK_ACTIVATE_TRACES_URL is set, and opentelemetry" in done.stderr
    assert "install the extra `tracing`" in done.stderr


async def test_a_second_message_for_a_slice_takes_no_request_from_the_first() -> None:
    class Answering:
        async def ready(self, _org_id: str) -> None:
            raise AssertionError

        def is_ready(self, _org_id: str) -> bool:
            raise AssertionError

        async def activate(self, _org_id: str, _ids: tuple[str, ...]) -> Reply:
            return Reply(200, {}, b"{}")

    batch = Batch(("an-id",), (0,), (False,), (0,))
    with collector() as spans:
        tracing = OpenTelemetry(spans.url, Service.WORKER)
        api = tracing.with_spans(Answering())
        log_context.bind("job", 7, 1, batch)
        with tracing.slice_span(None, "job", 7, 15):
            with tracing.slice_span(None, "job", 7, 15):
                await api.activate(ORG, batch.ids)
            await api.activate(ORG, batch.ids)
        await api.activate(ORG, batch.ids)
        tracing.close()
        inner, outer = spans.spans("slice")
        assert [span.parent for span in spans.spans("activate")] == [outer.id, outer.id, ""]
        assert inner.trace != outer.trace


@pytest.mark.parametrize("end", ["127.0.0.1:1", "no-such-host.invalid"])
def test_a_collector_out_of_reach_is_told_of_without_its_key(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], end: str
) -> None:
    caplog.set_level(logging.DEBUG)
    tracing = OpenTelemetry(f"http://user:hunter2-password@{end}/v1/traces?key=hunter2-key", Service.CLIENT)
    with tracing.submission_span():
        pass
    tracing.close()
    told = caplog.text + "".join(capfd.readouterr())
    assert "the collector was not reached" in told
    assert "hunter2" not in told
