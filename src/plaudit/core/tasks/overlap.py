"""Overlap: how many people judge a task, a fixed number or, with `judges`, as many as it takes.

Tasks of an adaptive overlap begin with `min` slots; core/quality_control/overlap.py adds the rest.
"""

from __future__ import annotations

from plaudit.core.tasks.forms import Field, Level, form_of
from plaudit.errors import InvalidContent
from plaudit.model.core import ProjectRow
from plaudit.model.labeling import control_key
from plaudit.wire.v2.annotation import AnnotationType
from plaudit.wire.v2.resources import AdaptiveOverlap, ProjectDetail, project_detail

OVERLAP_MAX = 100
CONFIDENCE_MIN = 0.5
CONFIDENCE_MAX = 0.9999


def needed_at_first(detail: ProjectDetail) -> int:
    """Slots of a task that nobody has begun."""
    return detail.overlap or 1 if detail.judges is None else detail.judges.min


def adaptive_overlap(project: ProjectRow) -> AdaptiveOverlap | None:
    """Adaptive overlap of a project; None for a fixed one.

    None as well for a project as its control tasks know it: these never have judges enough.
    """
    is_control = project.project_key == control_key(abs(project.project_key))
    return None if is_control else project_detail(project).judges


def check_numbers(detail: ProjectDetail) -> None:
    """Check the numbers of `overlap` and `judges`; raises InvalidContent with a pointer."""
    if detail.overlap is not None and not 1 <= detail.overlap <= OVERLAP_MAX:
        raise InvalidContent(f"overlap is 1 to {OVERLAP_MAX}", pointer="/overlap")
    judges = detail.judges
    if judges is None:
        return
    if not 1 <= judges.min <= OVERLAP_MAX:
        raise InvalidContent(f"min is 1 to {OVERLAP_MAX}", pointer="/judges/min")
    if not judges.min <= judges.max <= OVERLAP_MAX:
        raise InvalidContent(f"max is min to {OVERLAP_MAX}", pointer="/judges/max")
    if not CONFIDENCE_MIN <= judges.confidence <= CONFIDENCE_MAX:
        raise InvalidContent(
            f"confidence is {CONFIDENCE_MIN} to {CONFIDENCE_MAX}", pointer="/judges/confidence"
        )


def check_question(detail: ProjectDetail) -> None:
    """Raise InvalidContent unless the form has the question of `judges`, with answers to count."""
    if detail.judges is None:
        return
    wanted = detail.judges.question
    fields = [field for field in form_of(detail).fields if field.key == wanted]
    if not any(map(is_countable, fields)):
        known = ", ".join(map(repr, countable_keys(detail))) or "none"
        raise InvalidContent(
            f"the question {wanted!r} of judges cannot be counted; the form's questions with"
            f" answers that can: {known}"
            if fields
            else f"the question {wanted!r} of judges is not asked; the form's questions with"
            f" answers that can: {known}",
            pointer="/judges/question",
        )


def countable_keys(detail: ProjectDetail) -> list[str]:
    """Keys of a project's questions whose answers can be counted, in the form's order."""
    return list(dict.fromkeys(f.key for f in form_of(detail).fields if is_countable(f)))


def is_countable(field: Field) -> bool:
    """True if everybody is asked, and answers are one of so many: yes or no, value, response."""
    if field.ask_if is not None:
        return False
    match field.type:
        case AnnotationType.boolean:
            return True
        case AnnotationType.integer:
            return field.possible_values is not None or field.scale is not None
        case AnnotationType.category:
            return field.possible_values is not None or field.level is Level.turn
    return False
