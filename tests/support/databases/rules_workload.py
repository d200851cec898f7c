"""Everything that the store can be asked about rules and pauses, once at least."""

from __future__ import annotations

from typing import Any

from plaudit.core.quality_control import (
    crossings,
    follow_up,
    listing,
    paces,
    qualification,
    qualified_people,
)
from plaudit.model.quality_control import (
    Collector,
    QualificationRow,
    QualificationSettings,
    QualificationState,
)
from plaudit.store.quality_control import crossings as crossings_store
from plaudit.store.quality_control import paces as paces_store
from plaudit.store.quality_control import pauses as pauses_store
from plaudit.store.quality_control import qualifications
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
    floor.write(lambda tx: listing.count_attention(tx, floor.project, limit_max=9))
    floor.write(lambda tx: pauses_store.count_open(tx, key, limit_max=9))
    floor.write(lambda tx: pauses_store.list_open_among(tx, [key], "ann"))
    for before in (None, pause_id):
        floor.write(
            lambda tx, before=before: pauses_store.list_pauses(
                tx, key, is_open=True, before=before, limit=9
            )
        )
    floor.write(lambda tx: crossings_store.list_crossings(tx, key, before="z", limit=9))
    put_through_a_test(floor)
    floor.set(rules=None)
    floor.write(lambda tx: paces.refresh(tx, key))


def put_through_a_test(floor: ControlledProject) -> None:
    """A test that nobody can take for want of gold, begun and begun anew."""
    settings = QualificationSettings(test=1)
    project = floor.write(
        lambda tx: qualified_people.set_qualification(tx, floor.project, settings)
    )
    key, state = project.project_key, QualificationState.test
    row = QualificationRow(key, "ann", "1", state, 0, 1, 0, 0, 1)

    async def work(tx: Any) -> None:
        await qualification.find_view(tx, project, "ann")
        await qualifications.put_row(tx, row)
        await qualifications.lock_row(tx, key, "ann")
        await qualified_people.get_qualification(tx, project)
        await qualification.list_people(tx, project, limit=9)
        await qualification.begin_anew(tx, project, "ann")

    floor.write(work)
    floor.write(lambda tx: qualified_people.set_qualification(tx, project, None))
