"""Labelling configurations of Label Studio: the objects that are shown, and the controls on them.

The XML is read with expat and without a document type, so that no entity can be declared.
"""

from __future__ import annotations

import re
from xml.parsers import expat

from msgspec import Struct

from plaudit.errors import InvalidContent

CONFIG_BYTES_MAX = 1024 * 1024
ELEMENTS_MAX = 20_000
PAIRWISE = "pairwise"

_OPTIONS = {"choice", "label", "bucket"}
_COLUMN = re.compile(r"\$([\w.-]+)")


class LabelObject(Struct, kw_only=True):
    """Something that is shown, such as a text. `column` is the member of the task's data."""

    name: str
    kind: str
    column: str | None


class ShownWhen(Struct, frozen=True):
    """Condition of a control: another one has one of these words; any, if there are none."""

    name: str
    words: list[str]


class LabelControl(Struct, kw_only=True):
    """Something that is asked. `values` are the words that its answers consist of,
    in their order."""

    name: str
    kind: str
    objects: list[str]
    values: dict[str, None]
    rating_max: int | None = None
    is_multiple: bool = False
    shown_when: ShownWhen | None = None


class LabelConfig(Struct):
    """A labelling configuration, in the order of the document."""

    objects: dict[str, LabelObject]
    controls: dict[str, LabelControl]

    def pairwise(self) -> LabelControl | None:
        """The control that compares two responses, None without one."""
        controls = self.controls.values()
        return next((control for control in controls if control.kind == PAIRWISE), None)


def read_config(text: str) -> LabelConfig:
    """Read a labelling configuration; raises InvalidContent for one that is not sound."""
    if len(text.encode(errors="surrogatepass")) > CONFIG_BYTES_MAX:
        raise InvalidContent(f"a labelling configuration has at most {CONFIG_BYTES_MAX:,} bytes")
    config = LabelConfig({}, {})
    open_controls: list[LabelControl | None] = []
    conditions: list[ShownWhen | None] = []
    count = 0

    def refuse_doctype(*_: object) -> None:
        raise InvalidContent("a labelling configuration has no document type and no entities")

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal count
        count += 1
        if count > ELEMENTS_MAX:
            raise InvalidContent(f"a labelling configuration has at most {ELEMENTS_MAX:,} elements")
        given = {name.lower(): value for name, value in attributes.items()}
        enclosing = next(filter(None, reversed(open_controls)), None)
        conditions.append(_shown_when(given) or (conditions[-1] if conditions else None))
        control = _declared(config, enclosing, tag.lower(), given)
        if control is not None and control.shown_when is None:
            control.shown_when = conditions[-1]
        open_controls.append(control)

    def end(_: str) -> None:
        open_controls.pop()
        conditions.pop()

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse_doctype
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    try:
        parser.Parse(text.encode(), True)
    except (expat.ExpatError, UnicodeEncodeError) as exc:
        raise InvalidContent(f"the labelling configuration is no sound XML: {exc}") from exc
    _check_pairwise(config)
    return config


def _declared(
    config: LabelConfig, enclosing: LabelControl | None, kind: str, given: dict[str, str]
) -> LabelControl | None:
    """Keep what an element declares; return its control, None if it is none."""
    name = given.get("name", "")
    if kind in _OPTIONS and enclosing is not None:
        value = given.get("name") if kind == "bucket" else given.get("alias", given.get("value"))
        if value is not None:
            enclosing.values[value] = None
        return None
    if not name:
        return None
    if "toname" not in given:
        column = _COLUMN.fullmatch(given.get("value", ""))
        shown = LabelObject(name=name, kind=kind, column=column[1] if column else None)
        config.objects.setdefault(name, shown)
        return None
    multiple = given.get("choice" if kind == "choices" else "maxusages", "single")
    control = LabelControl(
        name=name,
        kind=kind,
        objects=[part.strip() for part in given["toname"].split(",") if part.strip()],
        values={},
        rating_max=_rating_max(given.get("maxrating", "5")) if kind == "rating" else None,
        is_multiple=kind == "taxonomy" or multiple == "multiple",
    )
    return config.controls.setdefault(name, control)


def _shown_when(given: dict[str, str]) -> ShownWhen | None:
    """Condition that an element states; None without one, or one of regions."""
    name = given.get("whentagname", "")
    if given.get("visiblewhen") != "choice-selected" or not name:
        return None
    words = given.get("whenchoicevalue", "").split(",")
    return ShownWhen(name, [word.strip() for word in words if word.strip()])


def _rating_max(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:9]) <= 1000:
        raise InvalidContent("a maxRating of the labelling configuration is 1 to 1000")
    return int(text)


def _check_pairwise(config: LabelConfig) -> None:
    control = config.pairwise()
    if control is None:
        return
    columns = {
        shown.column for name in control.objects if (shown := config.objects.get(name)) is not None
    }
    if len(control.objects) != 2 or len(columns - {None}) != 2:
        raise InvalidContent(
            f"the control {control.name!r} of the labelling configuration compares two objects "
            'whose values are columns, as in toName="a,b"'
        )
