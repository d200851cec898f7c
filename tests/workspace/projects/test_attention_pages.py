"""Managers' lists of flagged tasks and of tasks that everybody skipped."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

import pytest

from plaudit import clock
from plaudit.core.labeling import task_notes, task_work
from plaudit.core.tasks import lifecycle
from plaudit.model.labeling import LeaseStatus
from plaudit.store.engine.postgres import PostgresTransaction
from plaudit.store.engine.sqlite import SqliteTransaction
from plaudit.workspace.projects import attention_pages
from tests.support.databases.statement_counter import counting
from tests.support.harness import World, both_engines
from tests.support.labeling_project import LabelingProject
from tests.support.pages.browser_client import Browser, Tags, add_person, signed_in
from tests.support.pages.manager_pages import entries
from tests.workspace.http.test_pages import HOSTILE

pytestmark = both_engines


@pytest.fixture
def labeling(world: World) -> LabelingProject:
    return LabelingProject(world)


@pytest.fixture
def mia(world: World) -> Iterator[Browser]:
    """The browser of a manager."""
    with signed_in(world, add_person(world, "manager")) as browser:
        yield browser


def path_of(labeling: LabelingProject, *parts: str) -> str:
    return "/".join((f"/projects/{labeling.project.project_id}", *parts))


def ids_in(text: str) -> list[str]:
    return re.findall(r'<th scope="row"><a [^>]*>.*?<code[^>]*>([^<]+)</code>', text)


def figures(text: str) -> dict[str, str]:
    """The numbers of the overview by name."""
    found = re.findall(r"<dt>(?:<[^>]+>)*([^<]+)(?:</a>)?</dt><dd>([\d,+]+)</dd>", text)
    return dict(found)


def flag(labeling: LabelingProject, user_id: str = "ann", note: str | None = None) -> None:
    labeling.do(task_notes.flag, labeling.take(user_id), reason="flagged", note=note)


def skip(labeling: LabelingProject, count: int, *user_ids: str) -> None:
    for _ in range(count):
        for user_id in user_ids:
            labeling.do(task_notes.skip, labeling.take(user_id), reason="no")


def test_a_flag_has_the_time_of_its_note_however_slow_the_store_is(labeling, monkeypatch):
    """Archives carry the note alone, and flags are counted from it where they are imported."""
    ticks = itertools.count(clock.now_ms())

    async def now_ms(tx):
        return next(ticks)

    labeling.create(1)
    lease = labeling.take()
    for transaction in (SqliteTransaction, PostgresTransaction):
        monkeypatch.setattr(transaction, "now_ms", now_ms)
    labeling.do(task_notes.flag, lease, reason="odd")

    async def read(tx):
        found = "SELECT flagged_ms FROM task_flag UNION ALL SELECT created_ms FROM task_note"
        return [row[0] for row in await tx.all(found, {})]

    [flagged_ms, noted_ms] = labeling.write(read)
    assert flagged_ms == noted_ms


def test_a_flag_is_counted_listed_with_its_words_and_goes_when_it_was_seen(labeling, mia):
    first, second = labeling.create(2)
    flag(labeling, note="No image.")
    flag(labeling)

    overview = mia.get(path_of(labeling)).text
    text = mia.get(path_of(labeling, "flagged")).text

    assert figures(overview)["flagged"] == "2"
    assert path_of(labeling, "flagged") in overview
    assert ids_in(text) == [first, second]
    assert "No image." in text
    [until] = re.findall(rf'{first}/seen".*?name="until" value="(\d+)"', text)
    answer = mia.post(path_of(labeling, "tasks", first, "seen"), {"until": until})
    again = mia.get(answer.headers["location"]).text
    assert ids_in(again) == [second]
    assert "marked as seen" in again
    (entry,) = entries(labeling.world)
    assert (entry.action, entry.object_kind, entry.object_id) == ("see_flags", "task", first)


def test_flags_that_came_since_the_page_was_shown_are_not_seen_with_it(labeling, mia):
    [task_id] = labeling.create(1)
    flag(labeling)
    mia.get(path_of(labeling, "flagged"))

    answer = mia.post(path_of(labeling, "tasks", task_id, "seen"), {"until": "1"})

    assert answer.status_code == 409
    assert ids_in(answer.text) == [task_id]
    assert "flagged again" in answer.text
    assert entries(labeling.world) == []


def test_the_page_of_a_task_says_that_it_is_flagged_or_skipped_and_offers_what_helps(labeling, mia):
    flagged, skipped = labeling.create(2)
    flag(labeling)
    skip(labeling, 1, "ann")

    pages = {one: mia.get(path_of(labeling, "tasks", one)).text for one in (flagged, skipped)}

    verbs = {one: re.findall(r'tasks/[^/"]+/(seen|offer)"', text) for one, text in pages.items()}
    assert verbs == {flagged: ["seen"], skipped: ["offer"]}


def test_a_skipped_task_is_offered_again_with_a_trace_and_comes_to_the_same_person(labeling, mia):
    [task_id, other] = labeling.create(2)
    skip(labeling, 2, "ann")

    overview = mia.get(path_of(labeling)).text
    text = mia.get(path_of(labeling, "skipped")).text
    answer = mia.post(path_of(labeling, "tasks", task_id, "offer"))

    assert figures(overview)["skipped by everybody"] == "2"
    assert ids_in(text) == [task_id, other]
    assert ids_in(mia.get(answer.headers["location"]).text) == [other]
    (entry,) = entries(labeling.world)
    assert (entry.action, entry.object_id) == ("offer_task_on_page", task_id)
    assert labeling.take("ann").seq == labeling.task(task_id).seq
    assert (
        "offered it again to those who skipped it"
        in mia.get(path_of(labeling, "tasks", task_id)).text
    )


def test_a_page_of_skipped_tasks_is_offered_at_once_and_the_next_follows(
    labeling, mia, monkeypatch
):
    monkeypatch.setattr(task_work, "CANDIDATES_MAX", 3)
    task_ids = labeling.create(5)
    skip(labeling, 5, "ann")
    first = mia.get(path_of(labeling, "skipped")).text
    [following] = re.findall(r'href="([^"]+)">Next page', first)
    second = mia.get(following).text
    assert (ids_in(first), ids_in(second)) == (task_ids[:3], task_ids[3:])

    after = re.search(r'name="after" value="(\d+)"', second)
    assert after is not None
    mia.post(path_of(labeling, "skipped", "offer"), {"after": after[1]})

    assert ids_in(mia.get(path_of(labeling, "skipped")).text) == task_ids[:3]
    assert sorted(one.object_id for one in entries(labeling.world)) == sorted(task_ids[3:])


def test_many_are_offered_again_with_the_statements_of_one(labeling, mia):
    counts = []
    for number in (1, 8):
        labeling.create(number)
        skip(labeling, number, "ann")
        mia.get(path_of(labeling, "skipped"))
        with counting() as counter:
            answer = mia.post(path_of(labeling, "skipped", "offer"), {"after": "0"})
        assert answer.status_code == 303
        counts.append(len(counter))
        for _ in range(number):
            labeling.work_on("ann")

    assert counts[0] == counts[1]


def test_what_has_changed_meanwhile_is_left_alone_and_told(labeling, mia):
    held, ended = labeling.create(2)
    skip(labeling, 2, "ann")
    mia.get(path_of(labeling, "skipped"))
    labeling.move(lifecycle.cancel_task, ended)
    labeling.take("ben")

    answers = [
        mia.post(path_of(labeling, "tasks", held, "offer")),
        mia.post(path_of(labeling, "tasks", ended, "offer")),
        mia.post(path_of(labeling, "skipped", "offer"), {"after": "0"}),
    ]

    assert [one.status_code for one in answers] == [409] * 3
    assert ["somebody has it meanwhile" in one.text for one in answers] == [True, True, False]
    assert "None of these tasks is still skipped" in answers[2].text
    assert entries(labeling.world) == []
    for task_id in (held, ended):
        lease = labeling.lease_on(task_id, "ann")
        assert lease is not None
        assert lease.status is LeaseStatus.skipped


def test_pages_of_flags_follow_one_another(labeling, mia, monkeypatch):
    monkeypatch.setattr(attention_pages, "PAGE_MAX", 2)
    task_ids = labeling.create(3)
    for user_id in ("ann", "ben", "cid"):
        flag(labeling, user_id)
    path = path_of(labeling, "flagged")
    first = mia.get(path).text
    [following] = re.findall(r'href="([^"]+)">Next page', first)

    assert [*ids_in(first), *ids_in(mia.get(following).text)] == task_ids[:3]


def test_empty_lists_say_what_to_do_next(labeling, mia):
    flagged, skipped = (mia.get(path_of(labeling, name)).text for name in ("flagged", "skipped"))
    labeling.create()
    labeling.take("ann")
    worked = mia.get(path_of(labeling, "skipped")).text

    assert "No flagged tasks" in flagged
    assert path_of(labeling, "tasks") in flagged
    assert "Nobody works here yet" in skipped
    assert "No task is skipped by everybody" in worked
    assert all(path_of(labeling, "tasks") in text for text in (flagged, skipped, worked))


@pytest.mark.parametrize("verb", ["seen", "offer"])
def test_another_projects_task_is_not_there_and_annotators_may_not(labeling, mia, world, verb):
    [task_id] = labeling.create(1)
    fields = {"until": "1"} if verb == "seen" else {}
    other = world.project("Other")

    assert (
        mia.post(f"/projects/{other.project_id}/tasks/{task_id}/{verb}", fields).status_code == 404
    )
    with signed_in(world, add_person(world, "reviewer")) as rev:
        rev.get("/work")
        assert rev.post(path_of(labeling, "tasks", task_id, verb), fields).status_code == 403
        assert rev.get(path_of(labeling, "flagged")).status_code == 403


@pytest.mark.parametrize("words", HOSTILE)
def test_words_of_a_flag_are_shown_and_never_run(labeling, mia, words):
    labeling.create(1)
    flag(labeling, note=words)

    tags = Tags(mia.get(path_of(labeling, "flagged")).text)

    assert tags.inline == []
    assert {tag for tag, _ in tags.found}.isdisjoint({"img", "iframe", "object"})
