"""Reasons why people differed, as reviewers said when they settled it, in the report."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import UNSET

from plaudit.model.core import ProjectRow
from plaudit.store.engine.engine import Database
from plaudit.store.labeling import disagreement_reasons
from plaudit.wire.manage.quality import QuestionQuality


async def tell_reasons(
    db: Database, project: ProjectRow, questions: Sequence[QuestionQuality]
) -> None:
    """Tell of each question why people differed, as far as reviewers have said."""
    async with db.read() as tx:
        counted = await disagreement_reasons.count_by_question(tx, project.project_key)
    for question in questions:
        reasons = {why: count for key, why, count in counted if key == question.key}
        question.disagreements.why = reasons or UNSET
