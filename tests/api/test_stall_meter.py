"""The stall meter: what holds the event loop is counted, named and logged."""

from __future__ import annotations

import asyncio
import gc
import time

import pytest
import structlog

from plaudit import app
from plaudit import settings as limits
from plaudit.api.http.metrics import Metrics
from plaudit.api.http.stall_meter import STALL_S, TICK_S, StallMeter, Steps
from plaudit.api.system import Health
from tests.support.harness import above_the_store
from tests.support.operations import calling


def hold(seconds: float) -> None:
    """Use the CPU of this thread for so long."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


@pytest.fixture
def meter() -> tuple[StallMeter, Metrics]:
    metrics = Metrics()
    return StallMeter(metrics), metrics


def value(metrics: Metrics, name: str) -> float:
    lines = dict(line.rpartition(" ")[::2] for line in metrics.text().decode().split("\n"))
    return float(lines.get(name, 0))


def test_a_step_is_what_runs_between_two_waits(meter):
    steps: list[float] = []

    async def work() -> str:
        for _ in range(3):
            hold(0.03)
            await asyncio.sleep(0)
        return "done"

    async def main() -> str:
        return await Steps(work(), lambda seconds, cpu_s: steps.append(cpu_s))

    assert asyncio.run(main()) == "done"
    assert len(steps) == 3
    assert all(0.03 <= cpu_s < 0.06 for cpu_s in steps)


def test_failures_and_cancellation_go_through_as_if_nobody_measured():
    seen: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise
        finally:
            seen.append("ended")

    async def fail() -> None:
        await asyncio.sleep(0)
        raise ValueError("mine")

    async def main() -> None:
        with pytest.raises(ValueError, match="mine"):
            await Steps(fail(), lambda seconds, cpu_s: None)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await Steps(work(), lambda seconds, cpu_s: None)

    asyncio.run(main())
    assert seen == ["cancelled", "ended"]


def test_a_named_stall_is_counted_and_logged_once(meter):
    stalls, metrics = meter

    async def work() -> None:
        hold(STALL_S + 0.02)

    async def main() -> None:
        stalls.start()
        await asyncio.sleep(0)
        await stalls.watch("worker.nap", work())
        await asyncio.sleep(2 * TICK_S)
        assert value(metrics, "plaudit_loop_stall_max_seconds") >= STALL_S - TICK_S
        stalls.stop()

    with structlog.testing.capture_logs() as lines:
        asyncio.run(main())

    assert value(metrics, "plaudit_loop_stall_max_seconds") == 0
    assert [line["operation"] for line in lines] == ["worker.nap"]
    assert lines[0]["event"] == "loop stalled"
    assert lines[0]["ms"] >= lines[0]["cpu_ms"] >= STALL_S * 1000
    assert value(metrics, 'plaudit_loop_stalls_total{operation="worker.nap"}') == 1
    assert value(metrics, 'plaudit_step_cpu_max_seconds{operation="worker.nap"}') >= STALL_S


def test_a_stall_that_nobody_is_named_for_is_seen_by_the_tick(meter):
    stalls, metrics = meter

    async def main() -> None:
        stalls.start()
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_soon(hold, TICK_S + STALL_S + 0.02)
        await asyncio.sleep(2 * TICK_S)
        stalls.stop()

    with structlog.testing.capture_logs() as lines:
        asyncio.run(main())

    assert "none" in [line["operation"] for line in lines]
    assert value(metrics, "plaudit_loop_stall_seconds_count") >= 1


@above_the_store
def test_a_request_that_holds_the_loop_is_named(shared_world, monkeypatch):
    """The line names the operation, the method and the request, and nothing of its content."""

    def encode(answer: object) -> bytes:
        assert isinstance(answer, Health)
        hold(STALL_S + 0.02)
        return b"{}"

    monkeypatch.setattr("plaudit.api.http.operation._encode", encode)
    with shared_world.client() as client, structlog.testing.capture_logs() as lines:
        client.get("/healthz?secret=1", headers={"X-Request-Id": "pinned"})
    with calling(shared_world, None) as client:
        text = client.get("/metrics").text

    (stall,) = [line for line in lines if line["event"] == "loop stalled"]
    assert (stall["operation"], stall["method"], stall["request_id"]) == (
        "get_health",
        "GET",
        "pinned",
    )
    assert "secret" not in str(stall)
    assert 'plaudit_loop_stalls_total{operation="get_health"} 1.0' in text


def test_a_server_keeps_what_lives_on_from_the_garbage_collector(sqlite_settings, monkeypatch):
    called: list[str] = []
    for name in ("collect", "freeze"):
        monkeypatch.setattr(gc, name, lambda name=name: called.append(name))
    monkeypatch.setattr(limits, "from_environment", lambda: sqlite_settings)
    monkeypatch.setattr(app.logs, "configure_logs", lambda settings: None)
    monkeypatch.setattr(app.allocator, "tune", lambda: None)

    app.start_worker()

    assert called == ["collect", "freeze"]
