"""Type `rubric_criteria`: the weight of an imported rubric's criterion; no form asks for it."""

from __future__ import annotations

from plaudit.core.labeling.ballots import first_given
from plaudit.core.labeling.type_rules import TypeRules
from plaudit.core.tasks.forms import Consolidate

RULES = TypeRules(
    agreement={Consolidate.first: first_given},
    uncharted="Weights belong to the rubric; nobody answers with them.",
)
