"""Answers that are lost or wrong: what was sent is sent again, and the record says who activated it."""

from aiohttp import web
from structlog.testing import capture_logs

from tests.api.standin import StandIn, stand_in
from tests.api.waiting import until
from tests.engine.agreement import agrees
from tests.engine.fleet import fleet
from tests.engine.gateway import all_active, gateway
from tests.engine.jobs import Jobs


async def sent_again(api: StandIn) -> set[str]:
    return {name for name, line in (await api.world()).items() if line["sent"] > 1}


async def test_an_id_whose_answer_was_lost_ends_as_activated_by_us(jobs: Jobs, redis_url: str) -> None:
    async with stand_in(faults={"lose": 0.3}, seed=1) as api, fleet(redis_url, api.url) as workers:
        workers.start()
        job = jobs.put(300)
        workers.submit(job)
        await until(lambda: jobs.report(job).counts["ambiguous"] > 0)
        await api.control(faults={"lose": 0.0})
        await until(lambda: jobs.rests(job))
        again = await sent_again(api)
        assert again
        rows = jobs.rows(job)
        assert {row.outcome for row in rows.values()} == {"activated"}
        assert {name for name, row in rows.items() if row.reason == "RESOLVED_BY_REPEAT"} == again
        assert {rows[name].attempts for name in again} == {2}
        await agrees(jobs, job, api)


async def test_one_who_was_active_before_is_told_from_one_whose_answer_was_lost(
    jobs: Jobs, redis_url: str
) -> None:
    """Only an id that we sent without an answer counts as ours once it is active."""
    async with stand_in(active=0.5) as api, fleet(redis_url, api.url) as workers:
        workers.start()
        job = jobs.put(300)
        workers.submit(job)
        await until(lambda: jobs.rests(job))
        counts = jobs.report(job).counts
        assert counts["already_active"] > 100
        assert counts["activated"] > 100
        await agrees(jobs, job, api)


async def test_an_error_after_the_work_was_done_is_a_lost_answer(jobs: Jobs, redis_url: str) -> None:
    async with stand_in(faults={"late_error": 0.3}, seed=2) as api, fleet(redis_url, api.url) as workers:
        workers.start()
        job = jobs.put(300)
        workers.submit(job)
        await until(lambda: jobs.report(job).counts["ambiguous"] > 0)
        await api.control(faults={"late_error": 0.0})
        await until(lambda: jobs.rests(job))
        assert await sent_again(api)
        await agrees(jobs, job, api)


async def test_an_answer_that_does_not_come_in_time_is_asked_for_again(jobs: Jobs, redis_url: str) -> None:
    async with stand_in(faults={"hang": 1.0}) as api, fleet(redis_url, api.url) as workers:
        workers.start(request_timeout=0.3)
        job = jobs.put(30)
        workers.submit(job)
        await until(lambda: jobs.report(job).requests["timed_out"] == 2)
        assert jobs.report(job).counts["ambiguous"] == 30
        await api.control(faults={"hang": 0.0})
        await until(lambda: jobs.rests(job))
        assert jobs.report(job).counts["activated"] == 30
        # What hung was not done: the repeat activated it, so there is nothing to explain.
        assert {row.reason for row in jobs.rows(job).values()} == {None}
        assert await sent_again(api) == set(job.ids)
        assert jobs.balances(job)


async def test_ids_that_the_answer_names_in_no_list_are_sent_again_and_no_others(
    jobs: Jobs, redis_url: str
) -> None:
    async with stand_in(faults={"missing": 0.5}, seed=3) as api, fleet(redis_url, api.url) as workers:
        workers.start()
        job = jobs.put(300)
        workers.submit(job)
        await until(lambda: jobs.rests(job))
        stats = await api.stats()
        again = await sent_again(api)
        assert again
        # One id of a batch is missing each time; they go again together, and no other with them.
        assert len(again) > 2
        assert 20 < stats["requests"] < 20 + len(again)
        rows = jobs.rows(job)
        assert {name for name, row in rows.items() if row.reason == "RESOLVED_BY_REPEAT"} == again
        assert {row.outcome for row in rows.values()} == {"activated"}
        await agrees(jobs, job, api)


async def test_an_id_in_both_lists_is_unknown_and_sent_no_more(jobs: Jobs, redis_url: str) -> None:
    async with stand_in(faults={"both": 1.0}) as api, fleet(redis_url, api.url) as workers:
        workers.start()
        job = jobs.put(150)
        workers.submit(job)
        await until(lambda: jobs.rests(job))
        assert await sent_again(api) == set()
        rows = jobs.rows(job)
        assert [row.reason for row in rows.values() if row.outcome == "unknown"] == [
            "CONTRADICTORY_ANSWER"
        ] * 10
        assert jobs.report(job).counts["activated"] == 140


async def test_the_id_at_fault_for_a_refused_batch_is_found_and_fails_alone(
    jobs: Jobs, redis_url: str
) -> None:
    async with stand_in(poison=0.02, seed=5) as api, fleet(redis_url, api.url) as workers:
        workers.start()
        job = jobs.put(300)
        workers.submit(job)
        await until(lambda: jobs.rests(job))
        world = await api.world()
        outcomes = jobs.outcomes(job)
        poisoned = {name for name, line in world.items() if not line["active"]}
        assert poisoned
        assert {name for name, outcome in outcomes.items() if outcome == "failed"} == poisoned
        assert {jobs.rows(job)[name].reason for name in poisoned} == {"HTTP_400"}
        await agrees(jobs, job, api)


async def test_an_api_that_is_away_is_waited_for_and_charged_to_nobody(jobs: Jobs, redis_url: str) -> None:
    async with stand_in() as gone:
        pass
    async with fleet(redis_url, gone.url) as workers:
        workers.start()
        job = jobs.put(30)
        workers.submit(job)
        await until(lambda: jobs.report(job).state_reason.code == "api_unavailable")
        report = jobs.report(job)
        assert (report.state, report.requests["sent"], report.requests["charged"]) == ("running", 0, 0)
        assert report.counts["pending"] == 30


async def test_an_id_that_was_not_sent_is_logged_and_nothing_else(jobs: Jobs, redis_url: str) -> None:
    async def with_intruder(ids: list[str]) -> web.Response:
        return all_active([*ids, "an-intruder"])

    async with gateway(with_intruder) as url, fleet(redis_url, url) as workers:
        with capture_logs() as logs:
            workers.start()
            job = jobs.put(30)
            workers.submit(job)
            await until(lambda: jobs.rests(job))
        assert jobs.report(job).counts["activated"] == 30
        assert [entry["intruders"] for entry in logs if "intruders" in entry] == [1, 1]


async def test_unreadable_entries_are_counted_by_kind_in_the_log(jobs: Jobs, redis_url: str) -> None:
    async def with_odd_entries(ids: list[str]) -> web.Response:
        return web.json_response({"successes": [*ids, None], "failures": [7, {"message": "of nobody"}]})

    async with gateway(with_odd_entries) as url, fleet(redis_url, url) as workers:
        with capture_logs() as logs:
            workers.start()
            job = jobs.put(45)
            workers.submit(job)
            await until(lambda: jobs.rests(job))
            await until(lambda: any(entry["event"].startswith("slice ended") for entry in logs))
    assert jobs.report(job).counts["activated"] == 45
    # Told at the first of a kind, and all together at the end of the slice.
    *_, told = [entry["odd"] for entry in logs if "odd" in entry]
    assert told == {"successes: no id": 3, "failures: no object": 3, "failures: no id": 3}
