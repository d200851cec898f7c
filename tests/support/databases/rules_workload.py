"""Everything that the store can be asked about rules and pauses, once at least."""

from __future__ import annotations

from plaudit.core.quality_control import crossings, follow_up, paces
from plaudit.model.quality_control import Collector
from plaudit.store.quality_control import crossings as crossings_store
from plaudit.store.quality_control import paces as paces_store
from plaudit.store.quality_control import pauses as pauses_store
from tests.quality_control.controlled_project import ControlledProject, rule
from tests.support.harness import World


def put_through_rules(world: World) -> None:
    """Rules crossed, with all that they set off."""
    rules = [
        *(rule("gold", 0.7), rule("gold", 0.7, "redo_last", 5), rule("agreement", 0.7)),
        *(rule("gold", 0.7, "extra_reviews", 5), rule("fast", 0.8), rule("skips", 10)),
    ]
    floor = ControlledProject(world, name="Ruled", rules=rules)
    floor.create(4)
    floor.work_on("ann")
    floor.skip(floor.take())
    floor.take()
    key = floor.project.project_key
    floor.world.run(floor.world.db.write(lambda tx: paces.refresh(tx, key)))
    floor.gold("ann", 0, 10)
    assert floor.counted("ann", Collector.gold) == (0, 10)
    floor.write(lambda tx: follow_up.list_projects(tx, limit=9))
    floor.write(lambda tx: paces_store.list_projects_due(tx, now=1, limit=9))
    floor.follow_up()
    pause_id = floor.pause().pause_id
    floor.appeal()
    floor.uphold(pause_id)
    floor.lift(pause_id)
    floor.work_on("ann")
    [crossing, *_] = floor.write(lambda tx: crossings.list_unseen(tx, floor.project))
    floor.write(lambda tx: crossings.see(tx, floor.project, crossing.crossing_id))
    floor.crossings()
    floor.write(lambda tx: pauses_store.count_open(tx, key, limit_max=9))
    floor.write(lambda tx: pauses_store.list_open_among(tx, [key], "ann"))
    for before in (None, pause_id):
        floor.write(
            lambda tx, before=before: pauses_store.list_pauses(
                tx, key, is_open=True, before=before, limit=9
            )
        )
    floor.write(lambda tx: crossings_store.list_crossings(tx, key, before="z", limit=9))
    floor.set(rules=None)
    floor.write(lambda tx: paces.refresh(tx, key))
