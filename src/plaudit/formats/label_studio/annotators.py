"""Annotations of a Label Studio task: which of them count, and whose they are."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from plaudit import clock
from plaudit.errors import InvalidContent
from plaudit.formats.common.row_members import name_of_kind
from plaudit.formats.common.rows import ImportNotes, Row

CANCELLED = "an annotation was cancelled (skipped); it is no vote and stays in the metadata"
REJECTED = "a reviewer rejected an annotation; it is no vote and stays in the metadata"
REPLACED = "a person annotated a task twice; the later annotation counts"
NO_VOTES = "drafts and predictions are no votes; they stay in the metadata"
ANONYMOUS = "an annotation does not name its annotator; it has a made-up name"


class PersonsAnnotation(Struct, kw_only=True):
    """An annotation that counts, at the JSON pointer where it stands."""

    person: str
    moment: str | None
    results: list[Any]
    pointer: str
    order: tuple[int, int]
    whole: dict[str, Any]


def counted_annotations(
    value: dict[str, Any], row: Row, notes: ImportNotes
) -> tuple[list[PersonsAnnotation], dict[str, Any]]:
    """Split a task's annotations into those that count, in their order, and the others by reason.

    Raises InvalidContent for annotations that cannot be read.
    """
    member = "annotations" if value.get("annotations") is not None else "completions"
    annotations = value.get(member) or []
    if not isinstance(annotations, list):
        raise InvalidContent(
            f"expected a list, not {name_of_kind(annotations)}", pointer=f"/{member}"
        )
    counted: dict[str, PersonsAnnotation] = {}
    others: dict[str, Any] = {}
    for number, annotation in enumerate(annotations):
        pointer = f"/{member}/{number}"
        if not isinstance(annotation, dict):
            raise InvalidContent("expected an object", pointer=pointer)
        if annotation.get("was_cancelled") or annotation.get("skipped"):
            notes.add(CANCELLED, row)
            others.setdefault("cancelled", []).append(_without_address(annotation))
        elif _is_rejected(annotation):
            notes.add(REJECTED, row)
            others.setdefault("rejected", []).append(_without_address(annotation))
        else:
            given = _read(annotation, number, pointer, row, notes)
            before = counted.get(given.person)
            if before is not None:
                notes.add(REPLACED, row)
                loser, given = sorted((before, given), key=lambda one: one.order)
                others.setdefault("replaced", []).append(_without_address(loser.whole))
            counted[given.person] = given
    for name in ("drafts", "predictions"):
        if value.get(name):
            notes.add(NO_VOTES, row)
            others[name] = value[name]
    truths = [one.whole.get("id") for one in counted.values() if one.whole.get("ground_truth")]
    if truths:
        others["ground_truth"] = truths
    return sorted(counted.values(), key=lambda one: one.order[1]), others


def iso_moment(value: Any) -> str | None:
    """A time of an export as ISO 8601 in UTC; None where there is none that can be read."""
    ms = _ms(value)
    return None if ms is None else clock.format_ms(ms)


def _read(
    annotation: dict[str, Any], number: int, pointer: str, row: Row, notes: ImportNotes
) -> PersonsAnnotation:
    results = annotation.get("result")
    if results is not None and not isinstance(results, list):
        raise InvalidContent(
            f"expected a list, not {name_of_kind(results)}", pointer=f"{pointer}/result"
        )
    person = _person(annotation.get("completed_by"))
    if person is None:
        notes.add(ANONYMOUS, row)
        person = f"unnamed annotator {number + 1}"
    updated = annotation.get("updated_at", annotation.get("created_at"))
    return PersonsAnnotation(
        person=person,
        moment=iso_moment(updated),
        results=results or [],
        pointer=pointer,
        order=(_ms(updated) or 0, number),
        whole=annotation,
    )


def _person(value: Any) -> str | None:
    """The id of a person, who is a number, a text, or an object with an id or an address."""
    if isinstance(value, dict):
        known = (value.get(name) for name in ("id", "email", "username"))
        value = next((one for one in known if one not in (None, "")), None)
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    return str(value) or None


def _without_address(annotation: dict[str, Any]) -> dict[str, Any]:
    """Return an annotation that names its annotator by id alone, if that is possible."""
    return {**annotation, "completed_by": _person(annotation.get("completed_by"))}


def _is_rejected(annotation: dict[str, Any]) -> bool:
    """True if the last thing that happened to an annotation is that a reviewer rejected it."""
    action = annotation.get("last_action")
    if isinstance(action, str):
        return action == "rejected"
    reviews = annotation.get("reviews")
    sound = [one for one in reviews if isinstance(one, dict)] if isinstance(reviews, list) else []
    last = max(sound, key=lambda one: _ms(one.get("created_at")) or 0, default={})
    return last.get("accepted") is False


def _ms(value: Any) -> int | None:
    try:
        return clock.parse_moment(value) if isinstance(value, str) else None
    except ValueError:
        return None
