"""Suggestion of an export format: the one that fits what a project's form asks."""

from __future__ import annotations

from plaudit.core.labeling.questions import picks_responses
from plaudit.core.tasks.forms import Form, Level, TextUse
from plaudit.formats.exporting.trl import STEP_LABEL
from plaudit.formats.exporting.verdicts import LABEL_KEYS, OVERALL, PREFERENCE, SELECTED


def suggested_format(form: Form) -> str:
    """Name of the format: pairs of a preference, steps, texts to learn, labels, or values."""
    fields = form.fields
    if any(
        field.level is Level.turn
        and (
            field.scale is not None or field.key in (SELECTED, PREFERENCE) or picks_responses(field)
        )
        for field in fields
    ):
        return "trl-preference"
    if any(field.level is Level.chunk and field.key == STEP_LABEL for field in fields):
        return "trl-stepwise"
    if any(field.use in (TextUse.response, TextUse.rewrite) for field in fields):
        return "trl-messages"
    keys = {field.key for field in fields if field.level is Level.message}
    if keys & {*LABEL_KEYS, OVERALL}:
        return "trl-kto"
    return "annotations" if fields else "v2"
