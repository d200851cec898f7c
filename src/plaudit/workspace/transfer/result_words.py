"""Results of imports in words for people: what was stored is English, for the command line too."""

from __future__ import annotations

import re

from plaudit.core.transfer.import_summary import KINDS, PLURALS
from plaudit.texts import N_, N_n, PageText
from plaudit.workspace.language.languages import ENGLISH
from plaudit.workspace.language.speech import language, say, say_count

_KINDS = {
    "organizations": N_("organizations"),
    "projects": N_("projects"),
    "batches": N_("batches"),
    "tasks": N_("tasks"),
    "deliveries": N_("deliveries"),
    "datasets": N_("datasets"),
    "attachments": N_("attachments"),
    "users": N_("users"),
    "schemas": N_("schemas"),
    "dataset_deliveries": N_("deliveries of datasets"),
    "dataset_tasks": N_("tasks of datasets"),
    "teams": N_("teams"),
    "team_members": N_("members of teams"),
    "skills": N_("languages and tags of people"),
    "members": N_("members of projects"),
    "batch_teams": N_("teams of batches"),
    "requirements": N_("requirements of tasks"),
    "work": N_("tasks in the work queue"),
    "leases": N_("leases"),
    "submissions": N_("submissions"),
    "notes": N_("notes of tasks"),
    "reviews": N_("reviews"),
    "endpoints": N_("webhooks"),
    "events": N_("events"),
    "messages": N_("webhook messages"),
    "audit_entries": N_("entries of the audit log"),
    "rows": N_("rows"),
}
"""Words for the kinds of import_summary.KINDS, by their plurals, and for rows of any kind."""

_TRIED = re.compile(r"(?P<count>[\d,]+) (?P<kind>\w+) would be (?P<fate>imported|refused)")

_PLURALS = {kind: PLURALS.get(kind, f"{kind}s") for kind in (*KINDS, "row")}
_OUTCOMES = {
    "added": N_n("%(count)s added", "%(count)s added", 0),
    "updated": N_n("%(count)s updated", "%(count)s updated", 0),
    "unchanged": N_n("%(count)s unchanged", "%(count)s unchanged", 0),
    "rejected": N_n("%(count)s rejected", "%(count)s rejected", 0),
}


def result_words(result: str) -> str:
    """A stored result such as `tasks: 3 added, 1 rejected` in the page's language.

    Of a dry run it is `3 tasks would be imported; 1 row would be refused; nothing was stored`.
    Any other text, such as the id of what a job made, stays as it is.
    """
    if language() is ENGLISH:
        return result
    if result == "nothing to import":
        return say(N_("nothing to import"))
    parts = []
    for part in result.split("; "):
        if part == "nothing was stored" or _TRIED.fullmatch(part):
            parts.append(_tried(part))
            continue
        kind, _, counts = part.partition(": ")
        spoken = [_count(one) for one in counts.split(", ")]
        if None in spoken:
            return result
        parts.append(f"{_kind(kind)}: {', '.join(one for one in spoken if one is not None)}")
    return "; ".join(parts)


def _kind(plural: str) -> str:
    return say(_KINDS[plural]) if plural in _KINDS else plural.replace("_", " ")


def _tried(part: str) -> str:
    """Part of the result of a dry run in words."""
    match = _TRIED.fullmatch(part)
    if match is None:
        return say(N_("nothing was stored"))
    count, kind = int(match["count"].replace(",", "")), match["kind"]
    if match["fate"] == "imported":
        would = say_count("%(count)s would be imported", "%(count)s would be imported", count)
    else:
        would = say_count("%(count)s would be refused", "%(count)s would be refused", count)
    return f"{_kind(_PLURALS.get(kind, kind))}: {would}"


def _count(text: str) -> str | None:
    """Number and outcome in words; None for any other text."""
    count, _, outcome = text.partition(" ")
    said = _OUTCOMES.get(outcome)
    if not count.isdecimal() or not isinstance(said, PageText):
        return None
    return say_count(said.message, said.plural, int(count))
