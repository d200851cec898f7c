"""Gold: tasks with expected answers, created, listed with how people did, and ended."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from plaudit.core.labeling.adjudication.task_outcome import content_of
from plaudit.core.labeling.task_work import find_in_project
from plaudit.core.quality.estimates import Share, wilson
from plaudit.core.quality_control import control_tasks
from plaudit.core.quality_control.expected_answers import check_expected, is_still_asked
from plaudit.core.tasks import excerpts
from plaudit.core.tasks.form_version import form_with_version
from plaudit.core.tasks.lifecycle import content_from_threads
from plaudit.errors import InvalidContent, LimitReached, NotFound
from plaudit.model.core import ProjectRow, StoredTask
from plaudit.model.labeling import WorkState, control_key
from plaudit.model.quality_control import GoldRow, GoldSettings, RepeatSettings, ResultCount
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import flags, leases
from plaudit.store.quality_control import control_results, gold
from plaudit.store.tasks import projects, tasks, work_lists, work_queue
from plaudit.wire.manage.gold import ExpectedAnswer, NewGold
from plaudit.wire.v2 import size_limits
from plaudit.wire.v2.parse import check_content, convert, fill_content
from plaudit.wire.v2.resources import project_detail
from plaudit.wire.v2.task import Thread

CREATED_AT_ONCE_MAX = 100
GOLD_MAX = 10_000
"""Gold tasks in use in one project."""
REASON_CHARS_MAX = 10_000
DOUBTFUL_ANSWERS_MIN = 5
"""People who have answered an expected answer before it may be called doubtful."""

_encode = msgspec.json.Encoder().encode
_decode_expected = msgspec.json.Decoder(list[ExpectedAnswer]).decode


class GoldQuestion(Struct, frozen=True):
    """An expected answer of a gold task, and how people answered it."""

    expected: ExpectedAnswer
    share: Share

    @property
    def is_doubtful(self) -> bool:
        """True if most people fail: the expected answer is probably wrong."""
        return self.share.n >= DOUBTFUL_ANSWERS_MIN and 2 * self.share.right < self.share.n


class ListedGold(Struct, frozen=True):
    """A gold task with the beginning of its prompt, and how people answered it.

    `is_outdated` if the form takes an expected answer no longer; `is_reported` if somebody reported
    it as sensitive, so that nobody is given it any more. `flag_count` is that of flags.
    """

    row: GoldRow
    excerpt: str
    questions: list[GoldQuestion]
    is_outdated: bool
    is_reported: bool
    flag_count: int

    @property
    def answered(self) -> int:
        """Number of people who have answered."""
        return max((question.share.n for question in self.questions), default=0)

    @property
    def is_doubtful(self) -> bool:
        """True if most people fail one of its questions."""
        return any(question.is_doubtful for question in self.questions)


def gold_settings(project: ProjectRow) -> GoldSettings:
    """Settings of a project's gold, by default those of GoldSettings."""
    return project_detail(project).gold or GoldSettings()


def repeat_settings(project: ProjectRow) -> RepeatSettings:
    """Settings of a project's repeats; without any nobody is given one."""
    return project_detail(project).repeats or RepeatSettings()


async def create_gold(tx: Transaction, project: ProjectRow, sent: Sequence[NewGold]) -> list[str]:
    """Create gold tasks, all or none; return their ids.

    Raises InvalidContent with a pointer such as `/tasks/0/expected/1/value`, LimitReached.
    """
    if not 0 < len(sent) <= CREATED_AT_ONCE_MAX:
        raise InvalidContent(f"give 1 to {CREATED_AT_ONCE_MAX} tasks", pointer="/tasks")
    key = control_key(project.project_key)
    await gold.open_sequence(tx, key)
    await projects.reserve_seqs(tx, key, 0)  # the lock, so that two requests count one another
    count = await gold.count_gold(tx, key, limit_max=GOLD_MAX)
    if count + len(sent) > GOLD_MAX:
        raise LimitReached(f"a project has at most {GOLD_MAX} gold tasks; it has {count}")
    form, version = form_with_version(project.detail)
    contents: list[bytes] = []
    sources: list[int | None] = []
    for number, one in enumerate(sent):
        pointer = f"/tasks/{number}"
        content, source_seq = await _content(tx, project, one, pointer)
        if len(one.reason or "") > REASON_CHARS_MAX:
            raise InvalidContent(
                f"at most {REASON_CHARS_MAX} characters", pointer=f"{pointer}/reason"
            )
        check_expected(form, content, one.expected, f"{pointer}/expected")
        contents.append(_encode(content))
        sources.append(source_seq)
    created = await control_tasks.create(tx, project, contents)
    await gold.insert_gold(
        tx,
        [
            GoldRow(
                project_key=task.project_key,
                seq=task.seq,
                task_id=task.task_id,
                source_seq=source_seq,
                is_training=one.training,
                form_version=version,
                created_ms=task.created_ms,
                ended_ms=None,
                reason=one.reason or None,
                expected=_encode(one.expected),
            )
            for task, source_seq, one in zip(created, sources, sent, strict=True)
        ],
    )
    return [task.task_id for task in created]


async def _content(
    tx: Transaction, project: ProjectRow, sent: NewGold, pointer: str
) -> tuple[list[Thread], int | None]:
    """The conversation of a new gold task, and the task that it is that of."""
    if (sent.content is None) == (sent.task_id is None):
        raise InvalidContent("give content or task_id, one of them", pointer=pointer)
    if sent.task_id is not None:
        task = await find_in_project(tx, project, sent.task_id)
        if task is None:
            raise InvalidContent("the project has no such task", pointer=f"{pointer}/task_id")
        content = conversation_of(task)
        if not content:
            raise InvalidContent(
                "there is no conversation to ask about", pointer=f"{pointer}/task_id"
            )
        return content, task.seq
    if not sent.content:
        raise InvalidContent("content has at least one thread", pointer=f"{pointer}/content")
    fill_content(sent.content)
    try:
        threads: list[Thread] = convert({"content": sent.content}, _Content).content
        check_content(threads)
    except InvalidContent as exc:
        raise InvalidContent(exc.message, pointer=f"{pointer}{exc.pointer}") from exc
    size_limits.check_conversation(len(_encode(threads)), f"{pointer}/content")
    return threads, None


class _Content(Struct):
    content: list[Thread]


def conversation_of(task: StoredTask) -> list[Thread]:
    """The conversation of a task as people are asked about it."""
    content = content_of(task)
    if not content and task.body is not None:
        content = content_from_threads(task)
    for thread in content:
        thread.submissions = None
    return content


def expected_of(row: GoldRow) -> list[ExpectedAnswer]:
    """The expected answers of a gold task."""
    return _decode_expected(row.expected)


async def list_gold(
    tx: Transaction, project: ProjectRow, *, after_seq: int = 0, limit: int
) -> list[ListedGold]:
    """List up to `limit` gold tasks in use with a seq over `after_seq`, by seq."""
    key = control_key(project.project_key)
    rows = await gold.list_gold(tx, key, after_seq=after_seq, limit=limit)
    return await _listed(tx, project, rows)


async def get_gold(tx: Transaction, project: ProjectRow, task_id: str) -> ListedGold:
    """Return a gold task in use; raises NotFound."""
    row = await gold.find_gold(tx, control_key(project.project_key), task_id)
    if row is None or row.ended_ms is not None:
        raise NotFound("there is no such gold task")
    [listed] = await _listed(tx, project, [row])
    return listed


async def get_content(tx: Transaction, row: GoldRow) -> list[Thread]:
    """The conversation of a gold task."""
    return content_of(await tasks.get_task(tx, row.project_key, row.seq))


async def _listed(
    tx: Transaction, project: ProjectRow, rows: Sequence[GoldRow]
) -> list[ListedGold]:
    key, seqs = control_key(project.project_key), [row.seq for row in rows]
    form, version = form_with_version(project.detail)
    counts: dict[int, dict[int, ResultCount]] = {}
    for count in await control_results.count_by_number(tx, key, seqs):
        counts.setdefault(count.seq, {})[count.number] = count
    flagged = await flags.count_flags(tx, key, seqs)
    prompts = await excerpts.list_excerpts(tx, key, seqs)
    reported = await work_lists.list_in_state(tx, key, seqs, WorkState.quarantined)
    older = await tasks.get_tasks(tx, key, [row.seq for row in rows if row.form_version != version])
    contents = {task.seq: content_of(task) for task in older}
    listed = []
    for row in rows:
        expected = expected_of(row)
        is_older = row.seq in contents
        listed.append(
            ListedGold(
                row,
                prompts.get(row.seq, ""),
                _questions(expected, counts.get(row.seq, {})),
                is_older and not is_still_asked(form, contents[row.seq], expected),
                row.seq in reported,
                flagged.get(row.seq, 0),
            )
        )
    return listed


def _questions(
    expected: Sequence[ExpectedAnswer], counts: dict[int, ResultCount]
) -> list[GoldQuestion]:
    return [
        GoldQuestion(
            one,
            wilson(counts[number].right, counts[number].answered)
            if number in counts
            else wilson(0, 0),
        )
        for number, one in enumerate(expected)
    ]


async def end_gold(tx: Transaction, project: ProjectRow, task_id: str) -> None:
    """End a gold task: nobody is given it any more, and open leases of it are closed.

    What people answered stays. Raises NotFound.
    """
    key = control_key(project.project_key)
    row = await gold.find_gold(tx, key, task_id)
    now = await tx.now_ms()
    if row is None or not await gold.end_gold(tx, key, row.seq, now):
        raise NotFound("there is no such gold task")
    if await work_queue.delete_work(tx, key, row.seq):
        await leases.close_all(tx, key, row.seq, now)
