"""The next task is drawn while somebody works on the one before; nobody has it for that."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from plaudit.core.quality_control import assigning, gold_tasks
from plaudit.model.quality_control import GoldSettings
from plaudit.wire.manage.gold import ExpectedAnswer, NewGold
from plaudit.workspace.render import ahead, rich_text
from plaudit.workspace.render.ahead import Ahead
from tests.support.annotators import AnnotationTeam, Worker, good_answers, make_content
from tests.support.app_client import AppClient
from tests.support.gold.gold_project import gold_content
from tests.support.harness import on_sqlite_alone

pytestmark = on_sqlite_alone


class Drawing:
    """Texts that were rendered, in their order, and the work ahead of the application."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.ahead: Ahead

    def wait(self, client: AppClient) -> list[str]:
        """The texts that were rendered since the last time, work ahead among them."""

        async def all_of_it() -> None:
            while self.ahead._running:
                await asyncio.gather(*self.ahead._running)

        assert client.running is not None
        client.running.call(all_of_it())
        found, self.texts = self.texts, []
        return [text for text in found if text.startswith("Answer")]


@pytest.fixture
def drawing(monkeypatch: pytest.MonkeyPatch) -> Drawing:
    """An application that draws ahead at once."""
    found, render, init = Drawing(), rich_text.render, Ahead.__init__

    def noting(text: str, *more: Any) -> Any:
        found.texts.append(text)
        return render(text, *more)

    def making(one: Ahead) -> None:
        init(one)
        found.ahead = one

    monkeypatch.setattr(ahead, "PAUSE_S", 0.0)
    monkeypatch.setattr(rich_text, "render", noting)
    monkeypatch.setattr(Ahead, "__init__", making)
    return found


@pytest.fixture
def team(drawing: Drawing, world: Any) -> AnnotationTeam:
    found = AnnotationTeam(world)
    for number in range(1, 5):
        found.add(make_content(f"Answer {number}", "Another one."))
    return found


def submit(worker: Worker) -> str:
    """Submit the open task and go on to the next one; its path."""
    sent = {"lease_version": 1, "client_key": worker.at[-9:], "active_ms": 5000, "goes_on": True}
    answer = worker.call("submit", answers=good_answers(), **sent)
    assert answer.status_code == 200, answer.text
    worker.at = answer.json()["next"]
    return worker.at


def held(team: AnnotationTeam) -> int:
    """Number of leases that there are."""

    async def count() -> Any:
        async with team.world.db.read() as tx:
            return await tx.one("SELECT COUNT(*) FROM assignment", {})

    return int(team.world.run(count())[0])


def test_a_page_has_the_next_task_drawn_and_leased_to_nobody(drawing, team):
    with team.world.connect() as client:
        ann = team.worker(client)
        ann.take()
        first = drawing.wait(client)
        leases = held(team)
        bob = team.worker(client, "Bob")
        bob.take()
        page, second = bob.get(bob.at).text, drawing.wait(client)

    assert first == ["Answer 1", "Answer 2"]
    assert leases == 1
    assert "Answer 2" in page
    assert second == ["Answer 3"]


def test_somebody_else_may_take_what_was_drawn(drawing, team):
    with team.world.connect() as client:
        ann, bob = team.worker(client), team.worker(client, "Bob")
        ann.take()
        bob.take()
        drawing.wait(client)
        taken = bob.get(bob.at).text
        submit(ann)
        page = ann.get(ann.at).text
        rendered = drawing.wait(client)

    assert "Answer 2" in taken
    assert "Answer 3" in page
    assert rendered == ["Answer 4"]


def test_a_task_is_drawn_once_for_all_who_may_be_next(drawing, team):
    with team.world.connect() as client:
        ann = team.worker(client)
        ann.take()
        drawing.wait(client)
        for _ in range(3):
            ann.get(ann.at)
        again = drawing.wait(client)

    assert again == []


def with_gold(world: Any, monkeypatch: pytest.MonkeyPatch, count: int) -> AnnotationTeam:
    """People with ordinary tasks, and gold that none of them is given."""
    monkeypatch.setattr(assigning, "is_due", lambda turn, rates: (False, False))
    team = AnnotationTeam(world, gold=GoldSettings(rate=0.5))
    for number in range(1, 4):
        team.add(make_content(f"Answer {number}", "Another one."))
    expected = [ExpectedAnswer(at="t0u0", key="selected_model_id", value="base_model")]
    contents = [gold_content(f"Answer gold {number}") for number in range(1, count + 1)]
    new = [NewGold(content=content, expected=expected) for content in contents]
    team.write(lambda tx: gold_tasks.create_gold(tx, team.project, new))
    return team


def test_gold_is_drawn_too_so_that_no_time_tells_it_from_other_tasks(drawing, world, monkeypatch):
    team = with_gold(world, monkeypatch, 1)
    with world.connect() as client:
        ann = team.worker(client)
        ann.take()
        first = drawing.wait(client)
        ann.get(ann.at)
        second = drawing.wait(client)

    assert first == ["Answer 1", "Answer 2", "Answer gold 1"]
    assert second == []
    assert held(team) == 1


def test_all_gold_is_drawn_in_the_end_however_much_there_is(drawing, world, monkeypatch):
    monkeypatch.setattr(assigning, "CANDIDATES_MAX", 2)
    team = with_gold(world, monkeypatch, 7)
    drawn: set[str] = set()
    with world.connect() as client:
        ann = team.worker(client)
        ann.take()
        for _ in range(200):
            drawn |= {text for text in drawing.wait(client) if "gold" in text}
            if len(drawn) == 7:
                break
            ann.get(ann.at)

    assert drawn == {f"Answer gold {number}" for number in range(1, 8)}


def test_pages_do_without_what_cannot_be_drawn(drawing, team, monkeypatch):
    async def failing(*_: Any) -> Any:
        raise RuntimeError("nothing can be foreseen")

    monkeypatch.setattr(assigning, "list_likely", failing)
    with team.world.connect() as client:
        ann = team.worker(client)
        ann.take()
        first = drawing.wait(client)
        submit(ann)
        page = ann.get(ann.at)

    assert first == ["Answer 1"]
    assert page.status_code == 200
    assert "Answer 2" in page.text


def test_a_server_stops_without_waiting_for_what_it_would_draw(drawing, team, monkeypatch):
    monkeypatch.setattr(ahead, "PAUSE_S", 3600.0)
    with team.world.connect() as client:
        team.worker(client).take()
        under_way = len(drawing.ahead._running)

    assert under_way == 1
    assert drawing.ahead._running == set()
