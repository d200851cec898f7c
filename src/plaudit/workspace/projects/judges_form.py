"""Fields of the settings page for an adaptive overlap, and the setting that they make."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from msgspec import Struct

from plaudit.errors import InvalidContent
from plaudit.wire.v2.resources import AdaptiveOverlap, ProjectDetail

PREFIX = "judges_"
"""Beginning of the fields' names."""


class JudgesForm(Struct, kw_only=True):
    """Form of an adaptive overlap; without a question the overlap is fixed."""

    judges_question: str | None = None
    judges_min: int | None = None
    judges_max: int | None = None
    judges_percent: float | None = None


def shown_values(detail: ProjectDetail) -> dict[str, str]:
    """Values of the fields by name, as a project has them set."""
    judges = detail.judges
    if judges is None:
        return dict.fromkeys(JudgesForm.__struct_fields__, "")
    return {
        "judges_question": judges.question,
        "judges_min": str(judges.min),
        "judges_max": str(judges.max),
        "judges_percent": f"{judges.confidence * 100:g}",
    }


def read_judges(form: JudgesForm) -> AdaptiveOverlap | None:
    """Adaptive overlap of a form, None for a fixed one; raises InvalidContent if a part lacks."""
    if form.judges_question is None:
        return None
    for name in JudgesForm.__struct_fields__:
        if getattr(form, name) is None:
            raise InvalidContent("say this as well", pointer=f"/{name}")
    return AdaptiveOverlap(
        min=form.judges_min or 0,
        max=form.judges_max or 0,
        confidence=round((form.judges_percent or 0) / 100, 6),
        question=form.judges_question,
    )


@contextmanager
def own_pointers() -> Iterator[None]:
    """Let an InvalidContent about a member of `judges` point at its field."""
    try:
        yield
    except InvalidContent as exc:
        member = (exc.pointer or "").removeprefix("/judges/")
        if member == exc.pointer or not member:
            raise
        name = "percent" if member == "confidence" else member
        raise InvalidContent(exc.message, pointer=f"/{PREFIX}{name}") from exc
