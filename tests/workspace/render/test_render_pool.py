"""Texts that take minutes are ended by their budget, and keep nobody else waiting.

Time is CPU time of processes or the order of events, never the clock on the wall.
"""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from plaudit.workspace.render import render_pool, render_process
from plaudit.workspace.render.render_pool import (
    BUSY,
    INLINE_CHARACTERS_MAX,
    OVER_BUDGET,
    RenderPool,
    RenderProcess,
)
from plaudit.workspace.render.rich_text import render_markdown, render_plain
from plaudit.workspace.render.sanitize import sanitize_html
from plaudit.workspace.render.text_batch import RenderCache, TextBatch
from tests.support.annotators import AnnotationTeam, make_content
from tests.support.harness import one_engine

T = TypeVar("T")

LONG = 199_000
DEEP_FORMULA = "$" + r"\frac{" * 300 + "}" * 300 + "$ "
HOSTILE = (
    *[mark * 50_000 for mark in ("![", "[", "*", "_", "$", "> ", "`", "|", "a*b_", "**a")],
    "x" * 1_000_000,
    DEEP_FORMULA * 80,
    *[f"```{name}\n{'f(x) [1] /* ' * 20}\n```\n" * 200 for name in ("python", "c++", "perl")],
)
"""One of each kind; the third and further copies of a formula and of code are over their limits."""

PROSE = "A *word* and `code`. " * (INLINE_CHARACTERS_MAX // 20)
"""A text that is rendered in a process for its length alone."""


@pytest.fixture(autouse=True)
def _patient(monkeypatch) -> None:
    """A busy machine is no reason for plain text here."""
    monkeypatch.setattr(render_pool, "RUN_SECONDS_MAX", 600.0)
    monkeypatch.setattr(render_pool, "WAIT_SECONDS_MAX", 600.0)


@pytest.fixture
def runs(monkeypatch) -> list[str]:
    """Beginnings of the texts that went to a process."""
    sent: list[str] = []
    inner = RenderProcess.render

    async def render(self, text, budget_s):
        sent.append(text.text[:3])
        return await inner(self, text, budget_s)

    monkeypatch.setattr(RenderProcess, "render", render)
    return sent


def with_pool(use: Callable[[RenderPool], Awaitable[T]], **options: float) -> T:
    async def run() -> T:
        pool = RenderPool(**options)  # type: ignore[arg-type]
        try:
            return await use(pool)
        finally:
            await pool.stop()

    return asyncio.run(run())


async def shown(pool: RenderPool, *texts: str, organization_id: str = "a") -> list[str]:
    handles = await pool.build(organization_id, lambda batch: [batch.add(one) for one in texts])
    return [str(one) for one in handles]


def spent_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_task_of_hostile_texts_costs_its_budget_and_shows_the_rest_as_plain_text(runs):
    """All of them would take minutes. What was rendered before the process was killed is used."""
    texts = [f"{number} {text}"[:LONG] for number in range(3) for text in HOSTILE]

    async def use(pool: RenderPool) -> tuple[list[str], list[str], list[str]]:
        first = await shown(pool, *texts, PROSE)
        count = len(runs)
        second = await shown(pool, *reversed(texts), PROSE)
        assert len(runs) == count, "a second view costs nothing, in whatever order it has the texts"
        return first, second, await shown(pool, PROSE + "And on.")

    before = spent_s()
    first, second, after = with_pool(use, budget_s=0.5)

    assert spent_s() - before < 10
    assert first[-1] == render_markdown(PROSE)
    over = [at for at, html in enumerate(first[:-1]) if OVER_BUDGET in html]
    assert len(over) > len(texts) / 2
    assert all(first[at] == render_plain(texts[at], OVER_BUDGET) for at in over)
    assert second == [*reversed(first[:-1]), first[-1]]
    assert after == [render_markdown(PROSE + "And on.")], "a process that was killed is replaced"


def test_another_organization_is_served_while_one_has_hostile_tasks_open():
    """A page that nobody waits for any more frees its process, which ends at once."""
    hostile = ["![" * 99_000 + str(number) for number in range(20)]

    async def use(pool: RenderPool) -> None:
        views = [asyncio.create_task(shown(pool, *hostile, str(view))) for view in range(3)]
        while not pool.processes:
            await asyncio.sleep(0.01)
        [busy] = pool.processes

        assert await shown(pool, PROSE, organization_id="b") == [render_markdown(PROSE)]
        assert not any(view.done() for view in views)

        for view in views:
            view.cancel()
        await asyncio.gather(*views, return_exceptions=True)
        assert await busy.wait() < 0
        assert busy not in pool.processes
        assert await shown(pool, PROSE) == [render_markdown(PROSE)]

    with_pool(use, processes_max=2, budget_s=600.0)


def test_stopping_ends_a_process_in_the_middle_of_its_work(runs):
    async def use(pool: RenderPool) -> list[int]:
        view = asyncio.create_task(shown(pool, PROSE, "![" * 99_000))
        while len(runs) < 2:
            await asyncio.sleep(0.01)
        pids = [process.pid for process in pool.processes]
        await pool.stop()
        view.cancel()
        await asyncio.gather(view, return_exceptions=True)
        return pids

    [pid] = with_pool(use, budget_s=600.0)

    assert not is_running(pid)


def test_a_process_ends_when_the_server_is_gone():
    command = [sys.executable, "-P", "-m", render_process.__name__]

    ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")


def test_texts_of_an_ordinary_page_need_no_process(runs):
    async def use(pool: RenderPool) -> list[str]:
        first = await shown(pool, "A *short* text.", "Another one.")
        assert await shown(pool, "A *short* text.", "Another one.") == first
        assert not pool.processes
        return first

    assert with_pool(use) == [render_markdown("A *short* text."), render_markdown("Another one.")]
    assert runs == []


def test_a_page_that_finds_no_process_is_shown_plain_and_rendered_the_next_time(monkeypatch):
    async def use(pool: RenderPool) -> list[str]:
        with monkeypatch.context() as patch:
            patch.setattr(render_pool.sys, "executable", "/nowhere/python")
            [busy] = await shown(pool, PROSE)
        return [busy, *await shown(pool, PROSE)]

    assert with_pool(use) == [render_plain(PROSE, BUSY), render_markdown(PROSE)]


def test_plain_text_is_what_the_sanitizer_would_make_of_it():
    for text in ("<b>&amp; ![", 'a\r\n"b"\x00\ud800', "\u202e\u200b\u2066x", "漢\xa0字" * 10):
        plain = render_plain(text, OVER_BUDGET)

        assert sanitize_html(plain) == plain


def test_the_cache_is_bounded_and_tells_organizations_nothing_of_one_another():
    cache = RenderCache(bytes_max=10_000)
    first = TextBatch("a")
    for number in range(100):
        text = first.add(f"{number}")
        text.html = render_markdown(f"{number} word")
        cache.keep(text)

    assert 0 < cache.size <= 10_000

    second, other = TextBatch("a"), TextBatch("b")
    assert second.add("99").html is None
    other.add("99")
    assert cache.fill(second) == []
    assert len(cache.fill(other)) == 1


def test_a_text_that_may_show_an_attachment_is_another_one_than_one_that_may_not():
    batch = TextBatch("a")

    assert batch.add("![](/files/x)", ["/files/x"]) is not batch.add("![](/files/x)")
    assert batch.add("![](/files/x)", ["/files/x"]) is batch.add("![](/files/x)", ["/files/x"])


@one_engine
def test_long_texts_of_a_task_are_rendered_in_a_process_and_leave_none_behind(world, client, runs):
    team = AnnotationTeam(world)
    team.add(make_content(PROSE, "Short *and* good."))
    ann = team.worker(client)
    ann.take()

    page = ann.get(ann.at).text

    assert "<em>and</em>" in page
    assert page.count("<em>word</em>") == PROSE.count("*word*")
    assert runs
