"""Roles of columns on the import page, and the mappings that they come to."""

from __future__ import annotations

import random

import pytest

from plaudit.errors import InvalidContent
from plaudit.formats.common.rows import Row
from plaudit.formats.table.drafts import check_mapping, draft_mapping
from plaudit.formats.table.roles import (
    ROLES,
    VERDICTS,
    mapping_of_roles,
    roles_of_draft,
    roles_of_mapping,
)
from plaudit.formats.table.toml_text import mapping_from_text, mapping_to_toml
from tests.formats.table.reading import read_table_rows
from tests.support.running.every_case import every_case

ONE_OF = [role for role in ROLES if role and role not in ("prompt", "metadata")]
BASE = {"q": "prompt", "a": "response:1", "b": "response:2", "v": "preference"}


def swept(seed: int) -> tuple[dict[str, str], dict[str, str]]:
    """Columns with roles of which each response has a text, and meanings of verdicts."""
    chance = random.Random(seed)
    count = chance.randint(1, 6)
    taken = [f"response:{number}" for number in range(1, count + 1)]
    for role in ONE_OF:
        kind, _, number = role.partition(":")
        if kind != "response" and (not number or int(number) <= count) and chance.random() < 0.5:
            taken.append(role)
    taken += ["prompt"] * chance.randint(1, 3) + ["metadata"] * chance.randint(0, 3)
    taken += [""] * chance.randint(0, 2)
    if "submitted_at" in taken and "contributor" not in taken:
        taken.append("contributor")
    chance.shuffle(taken)
    roles = {f"column {number}": role for number, role in enumerate(taken)}
    possible = ("tie", "all_bad", *(list(VERDICTS)[1 : count + 1] if count > 1 else ()))
    names = [name for name in VERDICTS if name in possible]
    return roles, {str(number): name for number, name in enumerate(names)}


@every_case("seed", range(100))
def test_roles_come_back_from_the_mapping_that_they_came_to(seed):
    roles, values = swept(seed)

    mapping = mapping_of_roles(roles, values)

    assert check_mapping(mapping) == []
    assert roles_of_mapping(mapping) == {name: role for name, role in roles.items() if role}
    assert mapping_from_text(mapping_to_toml(mapping)) == mapping


def test_every_role_has_a_title_of_its_own():
    assert len(set(ROLES.values())) == len(ROLES)
    assert len(set(VERDICTS.values())) == len(VERDICTS)


@every_case("role", ONE_OF)
def test_what_a_row_has_once_is_refused_twice_and_ratings_are_several(role):
    number = int(role.partition(":")[2] or 1)
    texts = {f"text {n}": f"response:{n}" for n in range(1, number + 1) if f"response:{n}" != role}
    roles = texts | {"one": role, "two": role}

    if role.startswith("rating:"):
        ratings = mapping_of_roles(roles, {})["responses"][number - 1]["ratings"]
        assert ratings == {"one": "one", "two": "two"}
    else:
        with pytest.raises(InvalidContent, match="two columns are"):
            mapping_of_roles(roles, {})


@pytest.mark.parametrize("kind", ["model", "rating", "rewrite"])
def test_what_belongs_to_a_response_needs_it(kind):
    with pytest.raises(InvalidContent, match="response 3"):
        mapping_of_roles(BASE | {"c": f"{kind}:3"}, {})


@pytest.mark.parametrize(
    ("roles", "values"),
    [({"a": "king"}, {}), ({}, {}), ({"m": "metadata"}, {}), (BASE, {"1": "king"})],
)
def test_roles_that_say_nothing_are_refused(roles, values):
    with pytest.raises(InvalidContent):
        mapping_of_roles(roles, values)


@pytest.mark.parametrize(
    "text",
    [
        'rows = "*"\nprompt = "q"\n[[responses]]\ntext = "a"',
        'prompt = "q"\n[[responses]]\ntext = { column = "a", remove = "x" }',
        'prompt = "q"\n[[responses]]\ntext = "a"\nname = "Ann"',
        'prompt = "q"\nwhere = { x = [1] }\n[[responses]]\ntext = "a"',
        'prompt = "q"\n[[responses]]\ntext = "a"\n[[responses]]\ntext = "b"\n'
        '[preference]\ncolumns = { ann = "v" }\nvalues = { 1 = "first" }',
        'prompt = "q"\n[[responses]]\ntext = "a"\n[[responses]]\ntext = "b"\n'
        '[preference]\ncolumn = "v"\nscale = [1, 7]',
        'prompt = "q"\n[[responses]]\ntext = "a"\nratings.good = { column = "r", times = 10 }',
    ],
)
def test_a_mapping_that_says_more_than_roles_has_none(text):
    assert roles_of_mapping(mapping_from_text(text)) is None


def test_what_roles_say_is_read_from_the_rows():
    mapping = mapping_of_roles(
        BASE | {"r": "rating:1", "who": "contributor", "k": "metadata"}, {"A": "first"}
    )
    row = {"q": "Why?", "a": "So.", "b": "Oh.", "v": "A", "r": 3, "who": "ann", "k": "x"}

    read = read_table_rows(mapping_to_toml(mapping), [Row(file="x", number=1, value=row)])

    assert read.refused == []
    assert read.task.metadata == {"k": "x"}
    assert [message["content"]["text"] for message in read.turn["messages"]] == [
        "Why?", "So.", "Oh.",
    ]  # fmt: skip


def test_a_draft_of_plain_columns_has_roles():
    rows = [Row(file="x", number=n, value={"prompt": f"Why {n}?", "response_a": "So.",
                                           "response_b": "Oh."}) for n in range(3)]  # fmt: skip

    assert roles_of_mapping(draft_mapping(rows)) == {
        "prompt": "prompt", "response_a": "response:1", "response_b": "response:2",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("row", "roles"),
    [
        ({"q": "Why?", "x": "So it is."}, {"q": "metadata", "x": "metadata"}),
        ({"prompt": "Why?", "x": "So."}, {"prompt": "prompt", "x": "metadata"}),
        ({"x": "Why?", "output": "So."}, {"output": "response:1", "x": "metadata"}),
        ({}, {}),
    ],
)
def test_what_a_draft_leaves_open_has_no_role(row, roles):
    draft = draft_mapping([Row(file="x", number=1, value=row)])

    assert roles_of_draft(draft) == roles


@every_case(
    "text",
    [
        "a" + ".a" * 20_000 + " = 1",
        "x = { " + "a." * 50 + "a = 1 }",
        '"a"' + '."a"' * 50 + " = 1",
        "# '''\n" + "a." * 50 + "a = 1\n# '''",
        'x = "\\""\n' + "a." * 50 + "a = 1",
        "[" + "a." * 5000 + "a]",
        "x = " + "[" * 40_000,
        "x = " + "{ a = " * 5000,
        "x = " + "9" * 50_000,
        "x = 0x" + "f" * 20,
        "x = " + "'''" + "y" * 50_000,
        '"' * 99_999,
        "{" * 50_000,
        '{"a": 1, "a": 2}',
        "{1}",
        "\x00",
        "x = nope",
        "z" * 100_001,
    ],
)
def test_a_text_that_is_no_mapping_or_would_take_long_is_refused_at_once(text):
    with pytest.raises(InvalidContent):
        mapping_from_text(text)


@pytest.mark.parametrize(
    ("text", "decoded"),
    [
        (f'x = "{".a" * 20}"', {"x": ".a" * 20}),
        ("# a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s\nx = 1", {"x": 1}),
        ("a.b.c = 1", {"a": {"b": {"c": 1}}}),
        ('{"prompt": "q"}', {"prompt": "q"}),
        ("", {}),
    ],
)
def test_a_mapping_is_read_from_toml_or_json(text, decoded):
    assert mapping_from_text(text) == decoded
