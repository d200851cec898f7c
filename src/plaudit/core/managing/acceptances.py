"""Acceptance of many tasks in review: a random sample is looked at, then the others are accepted.

The tasks are fixed as it begins, with what people had answered, and the sample is drawn by a seed
that is kept. The reviewer decides on each task of the sample as on any other. If no more of them
were wrong than she allowed, the others are accepted by an action on many tasks (actions.py), which
leaves out what has changed since.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Sequence

import msgspec
from msgspec import Struct, structs

from plaudit import ids
from plaudit.core.labeling.adjudication import acceptance_samples, review_order
from plaudit.core.labeling.adjudication.acceptance_samples import RIGHT, WRONG
from plaudit.core.labeling.adjudication.review_order import ReviewFilter
from plaudit.core.labeling.question_results import hash_revision
from plaudit.core.managing import actions, earlier_samples
from plaudit.core.managing.earlier_samples import SAMPLE_MAX, EarlierSamples
from plaudit.core.managing.task_change import ActionRequest
from plaudit.core.managing.undo import UNDOABLE
from plaudit.errors import Conflict, Forbidden, InvalidContent, NotFound
from plaudit.model.core import Actor, ProjectRow, TaskStatus
from plaudit.model.labeling import AcceptanceState
from plaudit.model.managing import ActionKind, ActionState
from plaudit.store.engine.engine import Database, Transaction
from plaudit.store.labeling import acceptances
from plaudit.store.labeling.acceptances import Acceptance, AcceptedTask
from plaudit.store.managing import actions as actions_store
from plaudit.store.managing import task_lists
from plaudit.store.managing.actions import TaskAction
from plaudit.store.tasks import projects
from plaudit.texts import N_

TASKS_MAX = 2000
"""Tasks of one acceptance; of more the first of the list."""

ACCEPTED_AT_ONCE_MAX = 10
"""Tasks that are accepted in one transaction, each from all that was answered."""

UNDECIDED = "open questions"
"""Reason of tasks in review that cannot be accepted as they are."""

UNDELIVERED = N_("it changed at this moment, or cannot be delivered")
"""Reason by which a task is left out that conflicted alone."""

_encode = msgspec.json.Encoder().encode


class AcceptanceDetail(Struct, frozen=True, kw_only=True):
    """Tasks that an acceptance is about, by the choice of the list, and how they are sampled."""

    chosen: ReviewFilter
    seed: int
    task_count: int
    sample_count: int
    wrong_max: int
    """Tasks of this sample and of earlier ones that may be wrong."""
    carried_count: int = 0
    """Tasks of the sample that were drawn before and not decided on."""
    related: list[str] = []
    """Ids of the samples that were drawn of these tasks before, newest first."""


read_detail = msgspec.json.Decoder(AcceptanceDetail).decode


class SampledTask(Struct, frozen=True):
    """A task of a sample: right, wrong, open or changed by somebody else meanwhile."""

    seq: int
    outcome: str


class Sample(Struct, frozen=True):
    """A sample as it stands, in the order in which it was drawn."""

    tasks: list[SampledTask]
    wrong_max: int
    earlier: EarlierSamples = EarlierSamples()

    def count(self, outcome: str) -> int:
        """Number of tasks with an outcome."""
        return sum(task.outcome == outcome for task in self.tasks)

    @property
    def looked(self) -> int:
        """Number of tasks that were decided on, in earlier samples too."""
        return self.count(RIGHT) + self.count(WRONG) + self.earlier.looked

    @property
    def wrong(self) -> int:
        """Number of these that were wrong."""
        return self.count(WRONG) + self.earlier.wrong

    @property
    def is_refused(self) -> bool:
        """True if more are wrong than may be."""
        return self.wrong > self.wrong_max

    @property
    def is_looked_at(self) -> bool:
        """True if no task of it is left to be looked at, and some were."""
        return not self.count("open") and self.count(RIGHT) + self.count(WRONG) > 0

    @property
    def wrong_share_max(self) -> float:
        """Share of wrong tasks among all that the samples do not speak against."""
        looks = len(self.earlier.samples) + 1
        return acceptance_samples.wrong_share_max(self.wrong, self.looked, looks)


async def begin(
    tx: Transaction,
    project: ProjectRow,
    user_id: str,
    chosen: ReviewFilter,
    *,
    sample_count: int,
    wrong_max: int = 0,
) -> Acceptance:
    """Fix the tasks of a list that a user may decide on, and draw a sample of them.

    Tasks with an undecided question are not among them. Those that were drawn before and not
    decided on are part of the sample. Raises InvalidContent for a sample as large as all of them,
    or larger than SAMPLE_MAX, and where more were wrong in earlier samples than may be.
    """
    if not 0 < sample_count <= SAMPLE_MAX:
        raise InvalidContent(
            N_("look at 1 to %(most)s tasks", most=SAMPLE_MAX), pointer="/sample_count"
        )
    if not 0 <= wrong_max < sample_count:
        raise InvalidContent(N_("allow fewer wrong tasks than you look at"), pointer="/wrong_max")
    listed = await review_order.list_in_review(
        tx, project, chosen=chosen, reader_id=user_id, limit=TASKS_MAX, names_questions=False
    )
    seqs = [one.queued.seq for one in listed if not one.is_own and one.queued.reason != UNDECIDED]
    if len(seqs) <= sample_count:
        raise InvalidContent(
            N_("the list has %(count)s tasks; look at fewer", count=len(seqs)),
            pointer="/sample_count",
        )
    await projects.reserve_seqs(tx, project.project_key, 0)  # its row is the lock of who draws
    revisions = await _revisions(tx, project, seqs)
    seed = secrets.randbits(53)
    carried = await earlier_samples.list_carried(tx, project.project_key, user_id, revisions)
    drawn = earlier_samples.draw_with(carried, seqs, sample_count, seed)
    detail = AcceptanceDetail(
        chosen=chosen,
        seed=seed,
        task_count=len(seqs),
        sample_count=len(drawn),
        wrong_max=wrong_max,
        carried_count=len(carried),
    )
    acceptance = Acceptance(
        project_key=project.project_key,
        acceptance_id=ids.mint("acceptance"),
        user_id=user_id,
        state=AcceptanceState.sampling,
        created_ms=await tx.now_ms(),
        detail=_encode(detail),
    )
    await acceptances.insert_acceptance(tx, acceptance)
    places = {seq: place for place, seq in enumerate(drawn, 1)}
    rows = [AcceptedTask(seq, revisions[seq], places.get(seq, 0)) for seq in sorted(seqs)]
    await acceptances.insert_tasks(tx, acceptance, rows)
    related = await earlier_samples.list_related(tx, acceptance)
    begun = structs.replace(acceptance, detail=_encode(structs.replace(detail, related=related)))
    await acceptances.save_acceptance(tx, begun)
    await _require_right_before(tx, project, begun)
    return begun


async def _require_right_before(
    tx: Transaction, project: ProjectRow, acceptance: Acceptance
) -> None:
    """Raise InvalidContent where more were wrong in earlier samples than may be."""
    sample = await read_sample(tx, project, acceptance)
    if sample.is_refused:
        raise InvalidContent(
            N_(
                "%(wrong)s of the %(looked)s tasks that were looked at in earlier samples were"
                " wrong, and they count; allow so many, or look at each task",
                wrong=sample.earlier.wrong,
                looked=sample.earlier.looked,
            ),
            pointer="/wrong_max",
        )


async def _revisions(tx: Transaction, project: ProjectRow, seqs: Sequence[int]) -> dict[int, str]:
    """Revisions of pending tasks by their current submissions."""
    found: dict[int, str] = {}
    for start in range(0, len(seqs), acceptances.SEQS_AT_ONCE_MAX):
        part = seqs[start : start + acceptances.SEQS_AT_ONCE_MAX]
        listed = await acceptances.list_submission_ids(tx, project.project_key, part)
        for seq in part:
            pending = TaskStatus.pending.value
            found[seq] = hash_revision(pending, None, listed.get(seq, []))
    return found


async def get_acceptance(tx: Transaction, project: ProjectRow, acceptance_id: str) -> Acceptance:
    """An acceptance of a project; raises NotFound."""
    found = await acceptances.find_acceptance(tx, project.project_key, acceptance_id)
    if found is None:
        raise NotFound(N_("there is no such sample"))
    return found


async def read_sample(tx: Transaction, project: ProjectRow, acceptance: Acceptance) -> Sample:
    """The sample of an acceptance as it stands now."""
    key = project.project_key
    rows = await acceptances.list_sample(tx, key, acceptance.acceptance_id)
    seqs = [row.seq for row in rows if not row.outcome]
    waiting = await task_lists.list_disagreement(tx, key, seqs) if seqs else {}
    revisions = await _revisions(tx, project, seqs)
    listed = [
        SampledTask(
            row.seq,
            row.outcome
            or ("open" if row.seq in waiting and revisions[row.seq] == row.revision else "changed"),
        )
        for row in rows
    ]
    detail = read_detail(acceptance.detail)
    earlier = await earlier_samples.read_earlier(
        tx,
        acceptance,
        detail.related,
        person_id=detail.chosen.user_id,
        own={row.seq for row in rows},
    )
    return Sample(listed, detail.wrong_max, earlier)


async def lock_own(
    tx: Transaction, project: ProjectRow, acceptance_id: str, user_id: str
) -> Acceptance:
    """Lock an acceptance for its reviewer; raises NotFound, and Forbidden to anybody else."""
    found = await acceptances.lock_acceptance(tx, project.project_key, acceptance_id)
    if found is None:
        raise NotFound(N_("there is no such sample"))
    if found.user_id != user_id:
        raise Forbidden("somebody else looks at this sample")
    return found


async def give_up(tx: Transaction, acceptance: Acceptance) -> None:
    """End an acceptance, locked, of which nothing was accepted; raises Conflict otherwise."""
    if acceptance.state is not AcceptanceState.sampling:
        raise Conflict(N_("the tasks are accepted already"))
    await acceptances.save_acceptance(
        tx, structs.replace(acceptance, state=AcceptanceState.given_up)
    )


async def begin_accepting(
    tx: Transaction, project: ProjectRow, acceptance: Acceptance
) -> TaskAction:
    """Begin to accept the tasks outside of the sample of an acceptance, locked; or go on with it.

    Raises Conflict while tasks of the sample are to be looked at, if too many were wrong, and while
    they are being accepted.
    """
    if acceptance.state is AcceptanceState.accepting:
        return await _go_on(tx, project, acceptance)
    if acceptance.state is not AcceptanceState.sampling:
        raise Conflict(N_("this sample was given up"))
    sample = await read_sample(tx, project, acceptance)
    if sample.is_refused:
        raise Conflict(N_("too many tasks of the sample were wrong; look at each of the others"))
    if not sample.is_looked_at:
        raise Conflict(N_("look at all tasks of the sample first"))
    request = ActionRequest(
        kind=ActionKind.accept,
        acceptance_id=acceptance.acceptance_id,
        reviewer_id=acceptance.user_id,
    )
    action = await actions.begin(tx, project, acceptance.user_id, request)
    accepting = structs.replace(
        acceptance, state=AcceptanceState.accepting, action_id=action.action_id
    )
    await acceptances.save_acceptance(tx, accepting)
    return action


async def _go_on(tx: Transaction, project: ProjectRow, acceptance: Acceptance) -> TaskAction:
    """Go on with an action that was stopped, or whose process ended."""
    await actions.get_action(tx, project, acceptance.action_id)
    stored = await actions_store.lock_action(tx, project.project_key, acceptance.action_id)
    now = await tx.now_ms()
    if stored.state is ActionState.undone:
        raise Conflict(N_("the tasks were taken back; draw another sample"))
    if actions.as_of(stored, now).state not in UNDOABLE:
        raise Conflict(N_("the tasks are being accepted already"))
    key, acceptance_id = project.project_key, acceptance.acceptance_id
    if not await acceptances.list_open(tx, key, acceptance_id, after_seq=0, limit=1):
        raise Conflict(N_("the tasks are accepted already"))
    running = structs.replace(stored, state=ActionState.running, lease_ms=now + actions.LEASE_MS)
    await actions_store.save_action(tx, running, expected=stored.state)
    return running


async def find_action(
    tx: Transaction, project: ProjectRow, acceptance: Acceptance
) -> TaskAction | None:
    """Action that accepts the others; None before it begins, and once it cannot be undone."""
    found = await actions_store.find_action(tx, project.project_key, acceptance.action_id)
    return None if found is None else actions.as_of(found, await tx.now_ms())


async def run(
    db: Database,
    project: ProjectRow,
    acceptance: Acceptance,
    action: TaskAction,
    actor: Actor,
    report: Callable[[TaskAction], None],
    *,
    ending: Callable[[Transaction], Awaitable[None]] | None = None,
) -> TaskAction:
    """Accept all tasks outside of the sample that nothing was done with, and end the action.

    `ending` is called in the transaction that ends it.
    """
    last_seq = 0
    while True:
        async with db.read() as tx:
            seqs = await acceptances.list_open(
                tx,
                project.project_key,
                acceptance.acceptance_id,
                after_seq=last_seq,
                limit=ACCEPTED_AT_ONCE_MAX,
            )
        if not seqs:
            break
        action = await actions.apply_surely(db, project, action, actor, seqs)
        await _name_left_out(db, project, acceptance, seqs)
        report(action)
        last_seq = seqs[-1]
    last = action

    async def end_it(tx: Transaction) -> TaskAction:
        if ending is not None:
            await ending(tx)
        return await actions.finish(tx, last)

    return await db.write(end_it)


async def _name_left_out(
    db: Database, project: ProjectRow, acceptance: Acceptance, seqs: Sequence[int]
) -> None:
    """Write why tasks that an action has passed were left out, where that was undone with them.

    So it is of tasks that conflicted alone: they changed, or what people answered is too much.
    """
    key, acceptance_id = project.project_key, acceptance.acceptance_id
    async with db.read() as tx:
        listed = await acceptances.list_open(
            tx, key, acceptance_id, after_seq=seqs[0] - 1, limit=len(seqs)
        )
    left = sorted(set(listed) & set(seqs))

    async def work(tx: Transaction) -> None:
        for seq in left:
            await acceptances.set_outcome(tx, key, acceptance_id, seq, str(UNDELIVERED))

    if left:
        await db.write(work)
