"""Type `file`: files that were imported or set over the API; no form asks for them."""

from __future__ import annotations

from plaudit.core.labeling.ballots import first_given
from plaudit.core.labeling.type_rules import TypeRules
from plaudit.core.tasks.forms import Consolidate

RULES = TypeRules(
    agreement={Consolidate.first: first_given},
    uncharted="Files are looked at, not counted.",
)
