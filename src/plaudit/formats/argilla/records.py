"""Argilla records of each shape that exports have, made one: fields, answers by question, the rest.

Shapes: `to_list`/`to_json` of version 2 (nested, which has lost the status of the answers), the
same flattened (`<question>.responses`, `.users`, `.status`), and records of version 1 (answers by
person, with the status).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from plaudit.errors import InvalidContent
from plaudit.formats.common.cells import decode_list
from plaudit.formats.common.plain_columns import PROMPTS, is_chat, is_response
from plaudit.formats.common.row_members import name_of_kind, pointer_of

SUBMITTED = "submitted"
RESPONSES = ".responses"
USERS = ".responses.users"
STATUS = ".responses.status"
SUGGESTION = ".suggestion"
_OF_RECORD = ("id", "external_id", "_server_id", "status", "metadata", "vectors", "suggestions")
_STATUSES = (SUBMITTED, "draft", "discarded")


class ArgillaAnswer(Struct, kw_only=True):
    """One person's answer to a question; `status` is None where the export has lost it."""

    question: str
    value: Any
    person: str | None
    status: str | None
    pointer: str


class ArgillaRecord(Struct, kw_only=True):
    """A record. `kept` is what is neither a field nor an answer."""

    fields: dict[str, Any]
    answers: list[ArgillaAnswer]
    kept: dict[str, Any]
    at_fields: str
    """JSON pointer to where the fields are."""


def read_record(value: dict[str, Any]) -> ArgillaRecord:
    """Read a record of any shape; raises InvalidContent with a pointer."""
    if any(name.endswith(RESPONSES) for name in value) or _is_flat(value):
        return _flat(value)
    fields, responses = value.get("fields"), value.get("responses")
    if isinstance(fields, list):
        raise InvalidContent(
            "the columns of to_dict, each a list: export with to_json or to_list", pointer="/fields"
        )
    if not isinstance(fields, dict):
        raise InvalidContent("a record has fields, which are an object", pointer="/fields")
    answers = _by_question(responses) if isinstance(responses, dict) else _by_person(responses)
    kept = {name: value[name] for name in _OF_RECORD if value.get(name) not in (None, {}, [])}
    return ArgillaRecord(fields=fields, answers=list(answers), kept=kept, at_fields="/fields")


def _is_flat(value: dict[str, Any]) -> bool:
    return "fields" not in value and any(name.endswith(SUGGESTION) for name in value)


def _flat(value: dict[str, Any]) -> ArgillaRecord:
    answers: list[ArgillaAnswer] = []
    rest = {}
    for name, member in value.items():
        if name.endswith((USERS, STATUS)):
            continue
        if name.endswith(RESPONSES):
            question = name.removesuffix(RESPONSES)
            answers += _flat_answers(value, question, member)
        else:
            rest[name] = member
    texts = [
        name
        for name, member in rest.items()
        if name in PROMPTS or (is_response(name) and isinstance(member, str)) or is_chat(member)
    ]
    if not texts:
        texts = [
            name
            for name, member in rest.items()
            if isinstance(member, str) and name not in _OF_RECORD and "." not in name
        ]
    kept = {name: rest[name] for name in rest if name not in texts and rest[name] is not None}
    fields = {name: rest[name] for name in texts if rest[name] is not None}
    return ArgillaRecord(fields=fields, answers=answers, kept=kept, at_fields="")


def _flat_answers(value: dict[str, Any], question: str, values: Any) -> Iterator[ArgillaAnswer]:
    pointer = pointer_of(question + RESPONSES)
    values, users, statuses = (
        decode_list(listed) or None
        for listed in (values, value.get(question + USERS), value.get(question + STATUS))
    )
    for listed in (values, users, statuses):
        if listed is not None and not isinstance(listed, list):
            raise InvalidContent(f"expected a list, not {name_of_kind(listed)}", pointer=pointer)
    lengths = {len(listed) for listed in (values, users, statuses) if listed is not None}
    if len(lengths) > 1:
        raise InvalidContent("answers, users and statuses are of different number", pointer=pointer)
    for number, answer in enumerate(values or ()):
        yield ArgillaAnswer(
            question=question,
            value=answer,
            person=_person(users[number]) if users is not None else None,
            status=_status(statuses[number], pointer) if statuses is not None else None,
            pointer=f"{pointer}/{number}",
        )


def _by_question(responses: dict[str, Any]) -> Iterator[ArgillaAnswer]:
    for question, given in responses.items():
        pointer = f"/responses{pointer_of(question)}"
        if not isinstance(given, list):
            raise InvalidContent(f"expected a list, not {name_of_kind(given)}", pointer=pointer)
        for number, answer in enumerate(given):
            if not isinstance(answer, dict) or "value" not in answer:
                raise InvalidContent("expected value and user_id", pointer=f"{pointer}/{number}")
            yield ArgillaAnswer(
                question=question,
                value=answer["value"],
                person=_person(answer.get("user_id")),
                status=_status(answer.get("status"), f"{pointer}/{number}/status"),
                pointer=f"{pointer}/{number}/value",
            )


def _by_person(responses: Any) -> Iterator[ArgillaAnswer]:
    if not isinstance(responses, list | None):
        raise InvalidContent("expected answers by question or person", pointer="/responses")
    for number, given in enumerate(responses or ()):
        pointer = f"/responses/{number}"
        values = given.get("values") if isinstance(given, dict) else None
        if not isinstance(given, dict) or not isinstance(values, dict | None):
            raise InvalidContent("expected values, user_id and status", pointer=pointer)
        for question, answer in (values or {}).items():
            at = f"{pointer}/values{pointer_of(question)}"
            if not isinstance(answer, dict) or "value" not in answer:
                raise InvalidContent("expected an object with a value", pointer=at)
            yield ArgillaAnswer(
                question=question,
                value=answer["value"],
                person=_person(given.get("user_id")),
                status=_status(given.get("status"), f"{pointer}/status"),
                pointer=f"{at}/value",
            )


def _person(value: Any) -> str | None:
    """The id of a person; exports write the text `None` where the person is gone."""
    return value if isinstance(value, str) and value not in ("", "None") else None


def _status(value: Any, pointer: str) -> str | None:
    if value is None or (isinstance(value, str) and value in _STATUSES):
        return value
    raise InvalidContent(f"expected a status ({', '.join(_STATUSES)})", pointer=pointer)
