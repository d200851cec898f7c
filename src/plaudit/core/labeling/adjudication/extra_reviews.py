"""Extra reviews: tasks of a person whom a rule has put under watch go to a reviewer."""

from __future__ import annotations

from plaudit.core.tasks.quality_rules import stored_rules
from plaudit.model.core import ProjectRow
from plaudit.model.labeling import SubmissionRow
from plaudit.model.quality_control import RuleAction
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import extra_reviews
from plaudit.wire.v2.resources import project_detail


async def use_extra_review(tx: Transaction, project: ProjectRow, submission: SubmissionRow) -> None:
    """Use one of a person's extra reviews, where a rule of the project grants some."""
    rules = stored_rules(project_detail(project))
    if any(rule.action is RuleAction.extra_reviews for rule in rules) and (
        await extra_reviews.use_one(tx, submission.project_key, submission.user_id)
    ):
        await extra_reviews.watch_task(tx, submission.project_key, submission.seq)
