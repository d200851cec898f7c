"""Annotation types: a module for each, of its name, with the type's RULES; and their registry."""

from __future__ import annotations

from plaudit.core.labeling.type_rules import TypeRules
from plaudit.core.labeling.types import (
    boolean,
    category,
    category_multiple,
    file,
    integer,
    labeled_text,
    ranked_choices,
    ranked_groups,
    rubric_criteria,
    rubric_rating,
    text,
    workspace_container,
)
from plaudit.core.tasks.forms import Field
from plaudit.wire.v2.annotation import AnnotationType

TYPES: dict[str, TypeRules] = {
    AnnotationType.boolean: boolean.RULES,
    AnnotationType.integer: integer.RULES,
    AnnotationType.text: text.RULES,
    AnnotationType.category: category.RULES,
    AnnotationType.category_multiple: category_multiple.RULES,
    AnnotationType.file: file.RULES,
    AnnotationType.labeled_text: labeled_text.RULES,
    AnnotationType.ranked_choices: ranked_choices.RULES,
    AnnotationType.ranked_groups: ranked_groups.RULES,
    AnnotationType.rubric_criteria: rubric_criteria.RULES,
    AnnotationType.rubric_rating: rubric_rating.RULES,
    AnnotationType.workspace_container: workspace_container.RULES,
}


def rules_of(field: Field) -> TypeRules:
    """The rules of a field's type."""
    return TYPES[field.type]
