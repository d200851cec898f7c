"""Statements of adaptive overlap and of adjudication, once at least."""

from __future__ import annotations

from plaudit.core.labeling import review_decisions
from plaudit.core.labeling.adjudication import review_order
from plaudit.core.labeling.adjudication.disagreement_reasons import (
    GivenReason,
    count_by_question,
    count_reasons,
    list_settled,
)
from plaudit.core.labeling.adjudication.review_order import EVERYTHING
from plaudit.model.labeling import DisagreementReason
from plaudit.store.labeling import disagreement_reasons as reasons_store
from plaudit.wire.v2.resources import AdaptiveOverlap
from tests.support.harness import World
from tests.support.labeling_project import LabelingProject


def put_through_judging(world: World) -> None:
    """As many people as a task takes, and a reviewer who says why they differ."""
    judges = AdaptiveOverlap(min=2, max=3, confidence=0.9, question="overall")
    labeling = LabelingProject(world, "Judging", judges=judges, review="all")
    batch = labeling.batch()
    [task_id] = labeling.create(batch=batch)
    for user_id, value in (("ann", 1), ("ben", 5), ("cem", 5)):
        labeling.work_on(user_id, lambda possible, value=value: value)
    project = labeling.project
    place = labeling.write(lambda tx: review_order.find_place(tx, project, 1, EVERYTHING))
    labeling.write(lambda tx: review_order.next_in_review(tx, project, place, EVERYTHING, "rev"))
    reason = GivenReason(question=0, key="overall", why=DisagreementReason.error)
    labeling.decide(review_decisions.accept, task_id, "rev", reasons=[reason])
    labeling.write(lambda tx: count_reasons(tx, project))
    labeling.write(lambda tx: reasons_store.count_by_question(tx, project.project_key))
    labeling.write(lambda tx: count_by_question(tx, project))
    labeling.write(lambda tx: list_settled(tx, project, "overall"))
    labeling.set(judges=None)
