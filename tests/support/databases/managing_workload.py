"""Statements of managers' work on many tasks: words, lists, actions and their undo."""

from __future__ import annotations

from typing import Any

import pytest

from plaudit.core.labeling import task_notes
from plaudit.core.labeling.adjudication.review_order import ReviewFilter
from plaudit.core.managing import (
    acceptances,
    actions,
    clones,
    history,
    saved_views,
    talks,
    task_list,
    waiting,
)
from plaudit.core.managing.clones import ClonePart
from plaudit.core.managing.history import HistoryFilter
from plaudit.core.tasks import lifecycle
from plaudit.model.core import TaskStatus
from plaudit.model.labeling import AcceptanceState
from plaudit.model.managing import TalkSide, TaskOrder
from plaudit.model.staffing import TaskQuota
from plaudit.store.accounts import organizations, project_members
from plaudit.store.labeling import acceptances as acceptances_store
from plaudit.store.managing import actions as actions_store
from plaudit.store.managing import saved_views as views_store
from plaudit.store.managing import task_lists
from plaudit.store.managing import words as words_store
from plaudit.store.tasks import tasks as tasks_store
from tests.managing.managed_project import BOSS, ManagedProject
from tests.support.harness import World
from tests.support.labeling_project import OVERALL
from tests.support.pages.browser_client import add_person


def put_through_lists_and_actions(world: World) -> None:
    form = {"fields": [OVERALL]}
    project = ManagedProject(world, "Looked through", overlap=2, review="all", form=form)
    first, second, third = project.say("one", "two", "three")
    for user_id in ("ann", "bea"):
        project.submit(project.take(user_id))
    batch = project.batch("Looked through")
    [fourth] = project.say("four", batch=project.fresh_batch(batch))
    project.do(task_notes.flag, project.take("cat"), reason="odd")
    project.read_words()
    _list(project, batch.batch_id)
    seqs = [project.seq(first), project.seq(second)]
    for listing in ("list_task_people", "list_task_work", "list_disagreement"):
        project.write(
            lambda tx, name=listing: getattr(task_lists, name)(
                tx, project.project.project_key, seqs
            )
        )
    project.write(lambda tx: words_store.list_projects_to_index(tx, limit=10))
    project.take_back(project.act("cancel"))
    project.take_back(project.act("priority", [second, third], priority=3))
    project.take_back(project.act("batch", [second, fourth]))
    project.take_back(project.act("assign", [second], people=()))
    project.write(lambda tx: actions_store.list_actions(tx, project.project.project_key, limit=3))
    for name in ("One", "Two"):
        view = project.write(
            lambda tx, name=name: saved_views.save_view(
                tx, project.project, "boss", name=name, query="q=one"
            )
        )
    project.write(lambda tx: views_store.delete_view(tx, project.project.project_key, view.view_id))
    _talk(project, project.take("dan"))
    _wait(project)
    _look_back(project)
    project.follow_settings()
    _reopen(project, first)
    _accept_many(project)
    project.write(lambda tx: actions.delete_old(tx, limit=10))


def _look_back(project: ManagedProject) -> None:
    """List the history of everything, of a project, of an actor and of an object."""
    project.write(lambda tx: organizations.list_key_names(tx, project.environment_id, ["key_x"]))
    for where in ({}, {"project_key": project.project.project_key}, {"actor_id": "boss"},
                  {"object_id": "x"}):  # fmt: skip
        conditions = HistoryFilter(**where)
        project.write(
            lambda tx, conditions=conditions: history.list_page(
                tx, project.environment_id, conditions, before_id=None
            )
        )


def _wait(project: ManagedProject) -> None:
    """Look why tasks wait, and what keeps them from somebody with a quota."""
    one, key = project.project, project.project.project_key
    who = add_person(project.world, email="waiting@example.com")
    project.take(who.user_id)
    quota = TaskQuota(1, 2)
    project.write(
        lambda tx: project_members.set_access(tx, key, is_members_only=False, quota=quota)
    )
    project.write(lambda tx: waiting.waiting_tasks(tx, one, who.organization_id))
    project.write(lambda tx: waiting.waiting_people(tx, one, who.organization_id))
    project.write(lambda tx: clones.clone_project(tx, one, name="Like it", parts=set(ClonePart)))


def _accept_many(project: ManagedProject) -> None:
    """Accept tasks after a sample, take them back, and list what became of them."""
    for _ in project.say("five", "six", "seven"):
        for user_id in ("dee", "eve"):
            project.work_on(user_id)
    key = project.project.project_key

    async def begin(tx: Any) -> Any:
        return await acceptances.begin(tx, project.project, "rae", ReviewFilter(), sample_count=1)

    async def accept(tx: Any) -> Any:
        await acceptances.get_acceptance(tx, project.project, begun.acceptance_id)
        locked = await acceptances.lock_own(tx, project.project, begun.acceptance_id, "rae")
        return locked, await acceptances.begin_accepting(tx, project.project, locked)

    async def read_sample(tx: Any) -> Any:
        return await acceptances.read_sample(tx, project.project, begun)

    for _ in range(2):
        begun = project.write(begin)
        [drawn] = project.write(read_sample).tasks
        [task] = project.write(lambda tx: tasks_store.get_tasks(tx, key, [drawn.seq]))  # noqa: B023
        project.accept(task.task_id, user_id="rae")
    acceptance, action = project.write(accept)
    ended = project.world.run(
        acceptances.run(project.world.db, project.project, acceptance, action, BOSS, lambda _: None)
    )
    project.write(
        lambda tx: acceptances_store.list_left_out(tx, key, acceptance.acceptance_id, limit=5)
    )
    project.write(
        lambda tx: acceptances_store.list_acceptances(
            tx, key, "rae", AcceptanceState.accepting, limit=5
        )
    )
    project.take_back(ended)


def _talk(project: ManagedProject, lease: Any) -> None:
    one, key = project.project, project.project.project_key
    for side, author in ((TalkSide.person, lease.user_id), (TalkSide.staff, "boss")):
        project.write(
            lambda tx, side=side, author=author: talks.write(
                tx, one, lease.assignment_id, side, author, text="Hm?", seen=1
            )
        )
        project.write(
            lambda tx, side=side: talks.mark_read(tx, one, lease.assignment_id, side, until=1)
        )
    project.write(lambda tx: talks.get_talk(tx, one, lease.assignment_id))
    project.write(lambda tx: talks.list_on_task(tx, one, [lease]))
    project.write(lambda tx: talks.list_unread(tx, [key], lease.user_id, limit=1))
    project.write(lambda tx: talks.count_unread(tx, [key]))
    secret = project.world.secret
    for is_unread in (True, False):
        project.write(
            lambda tx, is_unread=is_unread: talks.list_page(
                tx, secret, one, is_unread=is_unread, next_token=None
            )
        )


def _list(project: ManagedProject, batch_id: str) -> None:
    for order in TaskOrder:
        for where in (
            {}, {"status": TaskStatus.pending}, {"batch_id": batch_id}, {"user_id": "ann"},
            {"is_flagged": True}, {"is_in_review": True}, {"created_after": 0}, {"text": "one"},
            {"text": "one", "is_flagged": True},
        ):  # fmt: skip
            given: dict[str, Any] = where
            project.ids(order.value, **given)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(task_list, "LOOKED_MAX", 1)
        project.ids(created_after=0)


def _reopen(project: ManagedProject, task_id: str) -> None:
    """Complete, reopen and restore a task, and read what it says then."""
    project.accept(task_id)
    project.take_back(project.act("reopen", [task_id]))
    project.move(lifecycle.reopen_task, task_id)
    project.read_words()
    action = project.act("priority", [task_id], priority=1)
    project.write(lambda tx: _age(tx, action))


async def _age(tx: Any, action: Any) -> None:
    await tx.run(
        "UPDATE task_action SET created_ms = 0 WHERE project_key = :project_key"
        " AND action_id = :action_id",
        {"project_key": action.project_key, "action_id": action.action_id},
    )
