"""Annotation types: one module for each, and for each widget one script and one template."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any

import pytest

import plaudit
from plaudit.core.labeling.type_rules import Widget
from plaudit.core.labeling.types import TYPES, rules_of
from plaudit.core.tasks.form_checks import check_form
from plaudit.core.tasks.forms import (
    RULES,
    Consolidate,
    Field,
    Form,
    Level,
    ScaleDirection,
    TextUse,
)
from plaudit.errors import InvalidContent
from plaudit.wire.v2.annotation import POSSIBLE_VALUES, AnnotationType
from tests.support.running.every_case import every_case

SOURCE = Path(plaudit.__file__).parent
SCRIPTS = SOURCE / "workspace" / "static" / "annotate" / "widgets"
TEMPLATES = SOURCE / "workspace" / "templates" / "annotate" / "widgets"

UNASKED = {"file", "rubric_criteria", "workspace_container"}
"""Types that a form may have for what is imported, and that nobody is asked for."""
SAMPLES: dict[str, list[Any]] = {
    "boolean": [True, False],
    "integer": [1, 2],
    "category": ["a", "b"],
    "category_multiple": ["a", "b"],
}


def fields() -> Iterator[Field]:
    """A field of each type in each shape that decides on its widget, as far as forms allow it."""
    for kind, level, scale, use, is_closed in product(
        AnnotationType, Level, (None, ScaleDirection.low_is_first), (None, *TextUse), (False, True)
    ):
        values = SAMPLES.get(kind) if is_closed else None
        field = Field(
            key="k", level=level, type=kind.value, scale=scale, use=use, possible_values=values
        )
        try:
            check_form(Form(fields=[field]))
        except InvalidContent:
            continue
        yield field


def widgets() -> list[tuple[Field, Widget]]:
    return [(field, widget(field)) for field in fields() if (widget := rules_of(field).widget)]


def stems(folder: Path, suffix: str) -> set[str]:
    return {path.stem for path in folder.iterdir() if path.suffix == suffix}


def test_every_type_has_a_module_of_its_name_and_there_is_no_other():
    modules = stems(SOURCE / "core" / "labeling" / "types", ".py") - {"__init__"}

    assert modules == set(AnnotationType)
    assert set(TYPES) == set(AnnotationType)
    for name in AnnotationType:
        module = import_module(f"plaudit.core.labeling.types.{name}")
        assert TYPES[name] is module.RULES
        assert (module.__doc__ or "").startswith(f"Type `{name}`: ")


@every_case("kind", AnnotationType)
def test_every_rule_that_a_form_may_name_is_one_that_the_type_has(kind):
    assert tuple(TYPES[kind].agreement) == RULES[kind]
    assert set(RULES[kind]) <= set(Consolidate)


def test_every_widget_has_a_script_and_a_template_and_there_are_no_others():
    named = {widget.name for _, widget in widgets()}

    assert stems(SCRIPTS, ".js") == named
    assert stems(TEMPLATES, ".html") == named


@every_case("name", sorted({widget.name for _, widget in widgets()}))
def test_a_widget_can_be_drawn_and_bound(name):
    script = (SCRIPTS / f"{name}.js").read_text("utf-8")
    template = (TEMPLATES / f"{name}.html").read_text("utf-8")
    in_the_grid = {
        field.level
        for field, widget in widgets()
        if widget.name == name and not widget.is_beside_text and not rules_of(field).is_ranking
    } & {Level.message, Level.criterion}
    inside = "grid_text" if name == "text" else "inside"

    assert re.search(r"export (function bind\(|\{ bind \} from)", script)
    assert "{% macro question(control) %}" in template
    assert f"{{% macro {inside}(" in template or not in_the_grid


def test_the_variants_of_all_widgets_are_told_apart():
    """Pages and styles find a question by the variant alone."""
    by_kind: dict[str, set[str]] = {}
    for _, widget in widgets():
        by_kind.setdefault(widget.kind, set()).add(widget.name)

    assert {kind: len(names) for kind, names in by_kind.items()} == dict.fromkeys(by_kind, 1)


@every_case("kind", AnnotationType)
def test_only_types_that_somebody_fills_in_have_a_widget(kind):
    assert (TYPES[kind].widget is None) == (kind in UNASKED)


@pytest.mark.parametrize("kind", POSSIBLE_VALUES)
def test_values_to_choose_from_are_charted(kind):
    chart = TYPES[kind].chart
    assert chart is not None

    field = Field(key="k", level=Level.message, type=kind, possible_values=SAMPLES[kind])

    assert chart(field).values == SAMPLES[kind]


@every_case("kind", AnnotationType)
def test_every_type_has_a_chart_or_says_why_it_has_none(kind):
    rules = TYPES[kind]

    assert (rules.chart is None) == bool(rules.uncharted)


ASKING = ("core/labeling", "workspace/annotate", "workspace/review")


def test_no_other_file_decides_by_type():
    """Whatever depends on a type stands in its module; others ask the registry."""
    names = {str(name) for name in AnnotationType}
    found = []
    for folder in ASKING:
        for path in sorted((SOURCE / folder).rglob("*.py")):
            where = path.relative_to(SOURCE).as_posix()
            if where == "core/labeling/types/__init__.py":
                continue
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Name) and node.id == "AnnotationType":
                    found.append(f"{where}:{node.lineno}")
                elif isinstance(node, ast.Compare) and any(
                    (isinstance(part, ast.Constant) and part.value in names)
                    or (isinstance(part, ast.Attribute) and part.attr == "type")
                    for part in (node.left, *node.comparators)
                ):
                    found.append(f"{where}:{node.lineno}: {ast.unparse(node)}")

    assert found == []
