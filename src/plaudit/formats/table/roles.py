"""Roles of columns, as the import page offers them, and the mapping that they come to.

A role says what one column is. A mapping can say more (paths, nested rows, several judges); such a
mapping has no roles and is edited as text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from plaudit.errors import InvalidContent
from plaudit.formats.table.mapping_checks import UNDECIDED
from plaudit.texts import N_

RESPONSES_MAX = 6
"""Responses of a row that have roles."""

NOT_USED = ""
_SINGLE = {
    "context": N_("Conversation so far (list of messages)"),
    "system": N_("Instructions to the assistant"),
    "reference": N_("Reference answer"),
    "preference": N_("Verdict: the better response"),
    "item": N_("Equal values: same task"),
    "contributor": N_("Person who judged"),
    "id": N_("Id of the row"),
    "submitted_at": N_("Time of the judgment"),
}
_LISTED = {"prompt": N_("Prompt"), "metadata": N_("Kept beside the task")}
_NUMBERED: Mapping[str, Callable[[int], str]] = {
    "response": lambda number: N_("Response %(number)s", number=number),
    "model": lambda number: N_("Model of response %(number)s", number=number),
    "rating": lambda number: N_("Rating of response %(number)s", number=number),
    "rewrite": lambda number: N_("Better version of response %(number)s", number=number),
}

ROLES: Mapping[str, str] = {
    NOT_USED: N_("Not used"),
    **_LISTED,
    **{
        f"{role}:{number}": title(number)
        for number in range(1, RESPONSES_MAX + 1)
        for role, title in _NUMBERED.items()
    },
    **_SINGLE,
}
"""Roles with their titles, in the order in which they are offered."""

VERDICTS: Mapping[str, str] = {
    "": N_("No verdict"),
    "first": N_("Response 1 is better"),
    "second": N_("Response 2 is better"),
    "third": N_("Response 3 is best"),
    "fourth": N_("Response 4 is best"),
    "fifth": N_("Response 5 is best"),
    "sixth": N_("Response 6 is best"),
    "tie": N_("They are equally good"),
    "all_bad": N_("All are bad"),
}
"""Meanings of a value of the verdict's column, with their titles."""


def mapping_of_roles(roles: Mapping[str, str], values: Mapping[str, str]) -> dict[str, Any]:
    """Return the decoded mapping for columns with roles; `values` are the meanings of verdicts.

    Raises InvalidContent if a role is unknown or given twice, or a response has no column.
    """
    columns: dict[str, list[str]] = {}
    for column, role in roles.items():
        if role not in ROLES:
            raise InvalidContent(f"column {column!r} has an unknown role {role!r}")
        if role != NOT_USED:
            columns.setdefault(role, []).append(column)
    for role, named in columns.items():
        if len(named) > 1 and role not in _LISTED and not role.startswith("rating:"):
            raise InvalidContent(
                f"two columns are “{ROLES[role]}”: {', '.join(named)}; a row has one"
            )
    count = max((int(role.partition(":")[2]) for role in columns if ":" in role), default=0)
    for number in range(1, count + 1):
        if f"response:{number}" not in columns:
            raise InvalidContent(f"no column is response {number}")
    responses = [_response(number, columns) for number in range(1, count + 1)]
    if not responses and "prompt" not in columns and "context" not in columns:
        raise InvalidContent("choose the column with the prompt and those with the responses")
    mapping: dict[str, Any] = {}
    for name in ("prompt", "context", "system", "reference", "id", "contributor", "submitted_at"):
        if name in columns:
            named = columns[name]
            mapping[name] = named if len(named) > 1 else named[0]
    for name in ("item", "metadata"):
        if name in columns:
            mapping[name] = columns[name]
    mapping["responses"] = responses
    if "preference" in columns:
        given = {value: meaning for value, meaning in values.items() if meaning}
        mapping["preference"] = {"column": columns["preference"][0], "values": _checked(given)}
    return mapping


def roles_of_mapping(mapping: Mapping[str, Any]) -> dict[str, str] | None:
    """Return the role of each column of a mapping; None for one that says more than roles can."""
    roles = _roles_named(mapping)
    values = _verdicts_of(mapping.get("preference"))
    try:
        is_same = mapping_of_roles(roles, values) == dict(mapping)
    except InvalidContent:
        return None
    return roles if is_same else None


def roles_of_draft(draft: Mapping[str, Any]) -> dict[str, str] | None:
    """Return the roles that a draft proposes, without those that are for a person to say.

    None for a draft that says more than roles can.
    """
    decided = {name: value for name, value in draft.items() if value != UNDECIDED}
    if len(decided) == len(draft) and {"text": UNDECIDED} not in draft["responses"]:
        return roles_of_mapping(draft)
    texts = [response for response in draft["responses"] if response["text"] != UNDECIDED]
    return _roles_named(decided | {"responses": texts})


def nearest_roles(draft: Mapping[str, Any]) -> dict[str, str]:
    """Return as much of a draft as roles can say."""
    return {column: role for column, role in _roles_named(draft).items() if role in ROLES}


def _roles_named(mapping: Mapping[str, Any]) -> dict[str, str]:
    roles: dict[str, str] = {}
    for number, response in enumerate(mapping.get("responses", []), 1):
        for name in ("text", "model", "rewrite"):
            role = "response" if name == "text" else name
            if name in response:
                roles[str(response[name])] = f"{role}:{number}"
        for rating in response.get("ratings", {}).values():
            roles[str(rating)] = f"rating:{number}"
    for name in ("prompt", "context", "system", "reference", "id", "contributor", "submitted_at",
                 "item", "metadata"):  # fmt: skip
        named = mapping.get(name, [])
        for column in named if isinstance(named, list) else [named]:
            roles[str(column)] = name
    preference = mapping.get("preference")
    if isinstance(preference, dict) and isinstance(preference.get("column"), str):
        roles[preference["column"]] = "preference"
    return roles


def _verdicts_of(preference: Any) -> dict[str, str]:
    values = preference.get("values", {}) if isinstance(preference, dict) else {}
    return {str(value): str(meaning) for value, meaning in values.items()}


def _response(number: int, columns: Mapping[str, list[str]]) -> dict[str, Any]:
    response: dict[str, Any] = {"text": columns[f"response:{number}"][0]}
    for name in ("model", "rewrite"):
        if f"{name}:{number}" in columns:
            response[name] = columns[f"{name}:{number}"][0]
    if f"rating:{number}" in columns:
        response["ratings"] = {column: column for column in columns[f"rating:{number}"]}
    return response


def _checked(values: Mapping[str, str]) -> dict[str, str]:
    for meaning in values.values():
        if meaning not in VERDICTS:
            raise InvalidContent(f"a verdict means one of {', '.join(filter(None, VERDICTS))}")
    return dict(values)
