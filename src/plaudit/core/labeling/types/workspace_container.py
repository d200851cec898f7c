"""Type `workspace_container`: a coding workspace with its output; no form asks for it."""

from __future__ import annotations

from plaudit.core.labeling.ballots import first_given
from plaudit.core.labeling.type_rules import TypeRules
from plaudit.core.tasks.forms import Consolidate

RULES = TypeRules(
    agreement={Consolidate.first: first_given},
    uncharted="Coding workspaces are opened, not counted.",
)
