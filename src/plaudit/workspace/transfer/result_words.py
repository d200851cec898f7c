"""Results of imports in words for people: what was stored is English, for the command line too."""

from __future__ import annotations

from plaudit.texts import N_
from plaudit.workspace.language.languages import ENGLISH
from plaudit.workspace.language.speech import language, number, say

_KINDS = {
    "organizations": N_("organizations"),
    "projects": N_("projects"),
    "batches": N_("batches"),
    "tasks": N_("tasks"),
    "deliveries": N_("deliveries"),
    "datasets": N_("datasets"),
    "attachments": N_("attachments"),
    "users": N_("users"),
}
_OUTCOMES = {
    "added": N_("added"),
    "updated": N_("updated"),
    "unchanged": N_("unchanged"),
    "rejected": N_("rejected"),
}


def result_words(result: str) -> str:
    """A stored result such as `tasks: 3 added, 1 rejected` in the page's language.

    Any other text, such as the id of what a job made, stays as it is.
    """
    if language() is ENGLISH:
        return result
    if result == "nothing to import":
        return say(N_("nothing to import"))
    parts = []
    for part in result.split("; "):
        kind, _, counts = part.partition(": ")
        spoken = [_count(one) for one in counts.split(", ")]
        if None in spoken:
            return result
        name = say(_KINDS[kind]) if kind in _KINDS else kind.replace("_", " ")
        parts.append(f"{name}: {', '.join(one for one in spoken if one is not None)}")
    return "; ".join(parts)


def _count(text: str) -> str | None:
    """Number and outcome in words; None for any other text."""
    count, _, outcome = text.partition(" ")
    if not count.isdecimal() or outcome not in _OUTCOMES:
        return None
    return f"{number(int(count))} {say(_OUTCOMES[outcome])}"
