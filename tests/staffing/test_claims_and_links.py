"""Claims stay one range of the index for each pool, and links take no person too many."""

from __future__ import annotations

import re

import pytest

from plaudit.core.accounts import study_links
from plaudit.core.accounts.study_links import EntryThrottle, NewStudyLink, StudyEntry
from plaudit.core.staffing import demand, pools
from plaudit.core.tasks import lifecycle
from plaudit.errors import InvalidContent, NotFound, Problem, TooManyRequests
from plaudit.store.tasks import work_pools
from tests.support.databases.statement_counter import counting
from tests.support.running.every_case import every_case
from tests.support.staffing.staffed_project import StaffedProject


@pytest.fixture
def staffed(world):
    return StaffedProject(world)


def plan_of(staffed, sql, args):
    """Plan of a statement as the engine words it, one line a step."""
    explain = "EXPLAIN" if staffed.world.settings.database else "EXPLAIN QUERY PLAN"

    async def run(tx):
        if staffed.world.settings.database:
            await tx.run("SET LOCAL enable_seqscan = off", {})
        return await tx.all(f"{explain} {sql}", args)

    rows = staffed.write(run)
    return [str(row[-1]) for row in rows]


def test_a_claim_walks_one_range_of_the_index_for_each_pool(staffed):
    """Tasks that others may do are not looked through, however many they are."""
    ana = staffed.person("Ana")
    staffed.skills(ana, languages=["de"])
    staffed.ask(30, languages=["es"])
    [german] = staffed.ask(languages=["de"])
    with counting() as counter:
        lease = staffed.take(ana)

    assert staffed.task_id_of(lease) == german
    asked = [
        (sql, args)
        for sql, args in counter.calls
        if "task_work AS w" in sql and "NOT EXISTS" in sql
    ]
    assert len(asked) == 2
    for sql, args in asked:
        plan = plan_of(staffed, sql, args)
        walks = [
            line for line in plan if re.search(r"task_work_free on task_work w|SEARCH w", line)
        ]
        assert len(walks) == sql.count("task_work AS w"), plan
        assert all("task_work_free" in line for line in walks)
        assert sum("pool =" in line or "pool=?" in line for line in plan) >= len(walks), plan
        assert not any(re.search(r"TEMP B-TREE|Seq Scan on task_work|\bSort\b", x) for x in plan)


def test_a_project_whose_tasks_ask_nothing_is_claimed_by_one_walk(staffed):
    ana = staffed.person("Ana")
    staffed.create(2)
    with counting() as counter:
        staffed.take(ana)

    walks = [sql for sql, _ in counter.calls if "task_work AS w" in sql]
    assert len(walks) == 1
    assert not any("person_skill" in sql for sql, _ in counter.calls)


def test_a_project_has_so_many_requirements_and_no_more(staffed, monkeypatch):
    monkeypatch.setattr(pools, "POOLS_MAX", 2)
    staffed.ask(languages=["es"])
    staffed.ask(languages=["de"])
    staffed.ask(languages=["es"])
    staffed.ask(people=["a"])

    with pytest.raises(InvalidContent, match="at most 2"):
        staffed.ask(languages=["fr"])


def test_a_batch_that_would_need_too_many_requirements_leaves_none_behind(staffed, monkeypatch):
    """An import goes on after such a line, in the same transaction."""
    monkeypatch.setattr(pools, "POOLS_MAX", 3)
    batch = staffed.batch()
    staffed.ask(languages=["es"], batch=batch)
    staffed.ask(languages=["de"], batch=batch)
    key = staffed.project.project_key

    async def hand_it_in_vain(tx):
        with pytest.raises(InvalidContent, match="at most 3"):
            await pools.hand_batch(tx, key, batch.batch_id, "team")
        return await work_pools.list_requirements(tx, key, limit=9)

    assert len(staffed.write(hand_it_in_vain)) == 2


@pytest.fixture
def link(staffed):
    wanted = NewStudyLink(name="S", tasks=2, people_max=2, days=1, completion_code="C")
    secret = staffed.world.secret
    row, _ = staffed.write(lambda tx: study_links.create_link(tx, secret, staffed.project, wanted))
    return row


def enter(own, link, pid, session="s"):
    entry = StudyEntry(pid, session)
    return own.write(
        lambda tx: study_links.enter(tx, own.world.secret, link, entry, user_id=None, agent="a")
    )


def test_of_many_who_come_at_once_a_link_takes_as_many_as_it_says(staffed, at_once, link):
    found = at_once(staffed, *(lambda own, n=n: enter(own, link, f"p{n}") for n in range(5)))

    assert sum(not isinstance(one, Problem) for one in found) == 2
    people = "SELECT (SELECT COUNT(*) FROM study_person), people_count FROM study_link"
    assert [tuple(row) for row in staffed.write(lambda tx: tx.all(people, {}))] == [(2, 2)]


def test_one_participant_in_two_windows_at_once_has_one_account(staffed, at_once, link):
    at_once(staffed, *(lambda own: enter(own, link, "p", "s") for _ in range(2)))

    count = "SELECT COUNT(*) FROM person WHERE is_guest = 1"
    assert staffed.write(lambda tx: tx.one(count, {}))[0] == 1


def test_nobody_comes_back_by_a_link_that_was_revoked_while_they_came(staffed, link):
    assert enter(staffed, link, "p")
    staffed.write(lambda tx: study_links.revoke(tx, staffed.project, link.link_id))

    with pytest.raises(NotFound):
        enter(staffed, link, "p")  # the link was read before
    sessions = "SELECT COUNT(*) FROM session"
    assert staffed.write(lambda tx: tx.one(sessions, {}))[0] == 0


def test_entries_are_limited_by_network():
    throttle = EntryThrottle()
    for _ in range(study_links.ENTRIES_PER_NETWORK.amount):
        throttle.admit("192.0.2.0", "link", 0.0)

    with pytest.raises(TooManyRequests):
        throttle.admit("192.0.2.0", "link", 0.0)
    throttle.admit("198.51.100.0", "link", 0.0)


@every_case(
    "field, value",
    [
        ("tasks", 0),
        ("people_max", 1001),
        ("days", 91),
        ("completion_code", " "),
        ("completion_url", "http://app.prolific.com/"),
        ("completion_url", "https://"),
        ("completion_url", "https://a b"),
        ("completion_url", "javascript:alert(1)"),
    ],
)
def test_a_link_that_could_not_be_kept_is_refused(staffed, field, value):
    good = {"name": "S", "tasks": 2, "people_max": 2, "days": 1, "completion_code": "C"}
    wanted = NewStudyLink(**(good | {field: value}))
    secret = staffed.world.secret

    with pytest.raises(InvalidContent) as refused:
        staffed.write(lambda tx: study_links.create_link(tx, secret, staffed.project, wanted))

    assert refused.value.pointer == f"/{field}"


def test_managers_see_what_waiting_tasks_ask_for_and_how_many_people_can_do_them(staffed):
    ana, ben = staffed.person("Ana"), staffed.person("Ben")
    staffed.skills(ana, languages=["es", "en"])
    staffed.skills(ben, languages=["es-mx"])
    staffed.ask(3, languages=["es"])
    staffed.ask(1, languages=["fr"], tags=["law"])
    staffed.ask(2, people=[ana])
    staffed.create(5)
    done = staffed.ask(1, tags=["done"])
    staffed.move(lifecycle.cancel_task, done[0])
    organization_id = staffed.organization()

    found = staffed.write(lambda tx: demand.list_demand(tx, staffed.project, organization_id))

    assert [(one.waiting, one.people) for one in found] == [(1, 0), (3, 2), (2, 1)]
    assert found[2].names[ana] == "Ana"
