"""A project whose managers look for tasks: tasks by what they say, and lists of their ids."""

from __future__ import annotations

from typing import Any

from plaudit.core.managing import actions, indexing, task_list, undo
from plaudit.core.managing.task_change import ActionRequest
from plaudit.model.core import Actor
from plaudit.model.managing import ActionKind, TaskConditions, TaskOrder
from plaudit.store.managing.task_lists import START
from tests.support.builders import make_message, make_turn
from tests.support.labeling_project import LabelingProject, make_content

BOSS = Actor(kind="user", id="boss", request_id="r1")


def saying(prompt: str, *answers: str) -> Any:
    """Content with this prompt, and with these responses to it."""
    texts = answers or ("An answer.", "Another one.")
    messages = [make_message(f"model_{number}", text) for number, text in enumerate(texts)]
    return make_content(make_turn(messages=[make_message("user", prompt), *messages]))


class ManagedProject(LabelingProject):
    """A project in which tasks are looked for."""

    def say(self, *prompts: str, **fields: Any) -> list[str]:
        """Create a task for each prompt; return their ids."""
        return [self.create(content=saying(prompt), **fields)[0] for prompt in prompts]

    def read_words(self) -> int:
        """Read all words, as the worker does; the number of tasks."""
        total = 0
        while count := self.world.run(indexing.read_words(self.world.db, self.project.project_key)):
            total += count
        return total

    def seq(self, task_id: str) -> int:
        found: int = self.task(task_id).seq
        return found

    def page(
        self, order: str = "arrival", after: Any = START, limit: int = 50, **where: Any
    ) -> Any:
        """A page of a list by its conditions."""

        async def run() -> Any:
            async with self.world.db.read() as tx:
                return await task_list.list_page(
                    tx,
                    self.project.project_key,
                    TaskConditions(**where),
                    TaskOrder(order),
                    after=after,
                    limit=limit,
                )

        return self.world.run(run())

    def ids(self, order: str = "arrival", limit: int = 50, **where: Any) -> list[str]:
        """The ids of all pages of a list."""
        found: list[str] = []
        place = START
        while place is not None:
            page = self.page(order, place, limit, **where)
            found += [row.task_id for row in page.rows]
            place = page.next_place
        return found

    def find(self, text: str, **where: Any) -> list[str]:
        """The ids of tasks that say these words, once all words are read."""
        self.read_words()
        return self.ids(text=text, **where)

    def act(self, kind: str, task_ids: Any = None, *, where: Any = None, **sets: Any) -> Any:
        """Apply an action to tasks by id, else to all that meet conditions; the ended action."""
        request = ActionRequest(kind=ActionKind(kind), **sets)
        action = self.write(lambda tx: actions.begin(tx, self.project, "boss", request))
        if task_ids is None:
            return self.world.run(
                actions.run(
                    self.world.db,
                    self.project,
                    action,
                    BOSS,
                    TaskConditions(**(where or {})),
                    lambda action: None,
                )
            )
        seqs = [self.seq(task_id) for task_id in task_ids]
        action = self.world.run(
            actions.apply_surely(self.world.db, self.project, action, BOSS, seqs)
        )
        return self.write(lambda tx: actions.finish(tx, action))

    def take_back(self, action: Any) -> Any:
        """Undo an action to its end."""
        begun = self.write(lambda tx: undo.begin_undo(tx, self.project, action.action_id))
        return self.world.run(
            undo.run_undo(self.world.db, self.project, begun, BOSS, lambda action: None)
        )

    def rows(self, *tables: str) -> dict[str, list[Any]]:
        """All rows of tables of this project, in no order."""

        async def read() -> dict[str, list[Any]]:
            async with self.world.db.read() as tx:
                return {
                    table: sorted(
                        await tx.all(
                            f"SELECT * FROM {table} WHERE project_key = :key",
                            {"key": self.project.project_key},
                        ),
                        key=repr,
                    )
                    for table in tables
                }

        return self.world.run(read())
