"""Gold, repeats and counted cases, for rules about statements."""

from __future__ import annotations

from plaudit.core.quality_control import (
    counters,
    gold_feedback,
    gold_tasks,
    own_work,
    repeats,
)
from plaudit.model.quality_control import Collector, GoldFeedback, GoldSettings, RepeatSettings
from plaudit.store.quality_control import control_results, control_turns
from plaudit.store.tasks.tasks import FAR
from tests.support.gold.gold_project import GoldProject
from tests.support.harness import World
from tests.support.labeling_project import LabelingProject


def put_through_quality_control(world: World) -> None:
    """Cases counted and read."""
    floor = LabelingProject(world, name="Controlled")
    gold = Collector.gold
    floor.write(lambda tx: counters.count_case(tx, floor.project, "ann", gold, right=True))
    counted = floor.write(lambda tx: counters.counts_of(tx, floor.project, ["ann"], gold))
    assert counted == {"ann": (1, 1)}
    put_through_control_tasks(GoldProject(world, name="Gold", gold=GoldSettings(rate=0.5)))


def put_through_control_tasks(floor: GoldProject) -> None:
    """Gold and repeats: created, given out, answered, looked at, ended."""
    [gold_id, *_] = floor.add_gold(3)
    [task_id, *_] = floor.create(8)
    lease = floor.take_gold()
    floor.submit(lease)
    floor.submit(floor.take(), key="ordinary")
    floor.waiting()
    floor.new({"task_id": task_id})
    told = GoldSettings(rate=0.5, feedback=GoldFeedback.at_once)
    floor.set(gold=told, repeats=RepeatSettings(rate=0.5))
    key = lease.project_key

    async def look(tx):
        now = await tx.now_ms()
        side = floor.project.project_key
        await own_work.list_recent(tx, floor.project, "ann")
        await own_work.find_batch_id(tx, floor.project, lease, None)
        await control_turns.list_had(tx, side, "ann", [1])
        await control_turns.list_counted(tx, [key], "ann")
        await control_turns.list_repeated(tx, key, "ann", [1])
        [source, *_] = await control_turns.list_repeatable(
            tx, side, "ann", skipped=0, before_ms=FAR, limit=1
        )
        await control_turns.insert_repeat(tx, key, 0, "ann", source)
        assert await control_turns.find_source(tx, key, 0) == source
        await repeats.self_agreement(tx, floor.project)
        await control_results.count_by_person(tx, key, limit=9)
        await control_results.list_of_task(tx, key, lease.seq, limit=9)
        assert len(await gold_feedback.list_answered(tx, floor.project, "ann")) == 1
        await gold_tasks.get_gold(tx, floor.project, gold_id)
        await gold_tasks.list_gold(tx, floor.project, limit=9)
        await gold_tasks.end_gold(tx, floor.project, gold_id)
        assert now

    floor.write(look)
    floor.waiting()
