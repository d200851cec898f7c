"""Imports of tables through the command: a mapping file, flags, drafts, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.harness import walk
from tests.support.running.every_case import every_case

CSV = """\
id,question,answer_1,model_1,answer_2,model_2,label,rater
1,Name a bird.,A tern.,small,A fig.,large,1,ann
1,Name a bird.,A fig.,large,A tern.,small,2,ben
2,Name a fish.,A pike.,small,A carp.,large,0,ann
"""
MAPPING = """\
item = "id"
prompt = "question"
contributor = "rater"
[[responses]]
text = "answer_1"
model = "model_1"
[[responses]]
text = "answer_2"
model = "model_2"
[preference]
column = "label"
values = { 1 = "first", 2 = "second", 0 = "tie" }
"""
FLAGS = (
    *("--item", "id", "--prompt", "question", "--contributor", "rater"),
    *("--response", "answer_1=model_1", "--response", "answer_2=model_2"),
    *("--preference", "label", "--values", "1=first,2=second,0=tie"),
)


@pytest.fixture
def imports(world, run, tmp_path):
    """Runs `plaudit import` on the table, with further arguments."""
    world.org()
    at = ["--data", str(world.settings.data)]
    if world.settings.database is not None:
        at += ["--database", world.settings.database]
    table = tmp_path / "birds.csv"
    table.write_text(CSV)

    def import_table(*arguments: str, project: str = "Birds") -> Any:
        return run("import", str(table), "--project", project, *arguments, *at)

    return import_table


def mapped(tmp_path: Path, text: str = MAPPING) -> tuple[str, str]:
    path = tmp_path / "mapping.toml"
    path.write_text(text)
    return "--mapping", str(path)


def tasks_of(world: Any, project: str = "Birds") -> list[Any]:
    with world.client() as client:
        return list(walk(client, limit=100, project_name=project, opts="submissions"))


def projects_of(world: Any) -> list[str]:
    with world.client() as client:
        return [one["name"] for one in client.get("/v2/projects").json()["projects"]]


def test_a_table_is_read_by_a_mapping_file(world, imports, tmp_path):
    done = imports(*mapped(tmp_path))

    first, second = tasks_of(world)
    [selected, likert] = first["threads"][0]["turns"][0]["annotations"]
    assert "tasks: 2 added" in done.stdout
    assert selected["value"] == "small"
    assert [vote["value"] for vote in selected["votes"]] == ["small", "small"]
    assert likert["value"] == 1
    assert second["threads"][0]["turns"][0]["annotations"][0]["value"] == "tie"


def test_flags_say_what_a_mapping_file_says(imports, tmp_path):
    imports(*mapped(tmp_path))

    assert "tasks: 2 unchanged" in imports(*FLAGS).stdout


def test_a_column_that_is_not_there_is_named_and_nothing_is_stored(world, imports, tmp_path):
    done = imports(*mapped(tmp_path, MAPPING.replace('"question"', '"quiz"')))

    assert done.returncode == 2
    assert "no column 'quiz' in the first rows; there is 'id', 'question'" in done.stderr
    assert projects_of(world) == []


@every_case(
    "before, after, reason",
    [
        ("text = ", "txt = ", "did you mean 'text'"),
        ('"first"', '"?"', "/preference/values/1: fill in"),
        ("item =", "item", "is not TOML"),
    ],
)
def test_a_mapping_that_cannot_be_right_is_refused_as_usage(
    world, imports, tmp_path, before, after, reason
):
    done = imports(*mapped(tmp_path, MAPPING.replace(before, after, 1)))

    assert done.returncode == 2
    assert reason in done.stderr
    assert projects_of(world) == []


def test_a_mapping_and_flags_at_once_are_refused(imports, tmp_path):
    done = imports(*mapped(tmp_path), *FLAGS)

    assert done.returncode == 2


def test_the_draft_of_an_unknown_table_needs_only_the_meaning_of_its_values(
    world, imports, tmp_path
):
    asked = imports()
    draft = asked.stdout
    for value, verdict in (("1", "first"), ("2", "second"), ("0", "tie")):
        draft = draft.replace(f'{value} = "?"', f'{value} = "{verdict}"')

    done = imports(*mapped(tmp_path, draft))

    assert asked.returncode == 2
    assert "tasks: 2 added" in done.stdout


def test_rows_that_are_refused_are_named_with_their_column(imports, tmp_path):
    (tmp_path / "birds.csv").write_text(CSV + "3,,A gull.,small,A rook.,large,1,ann\n")

    done = imports(*mapped(tmp_path))

    assert "birds.csv:5" in done.stderr
    assert "/question" in done.stderr


def test_a_project_gets_the_form_that_the_mapping_implies(world, imports, tmp_path):
    imports(*mapped(tmp_path))

    with world.client() as client:
        [listed] = client.get("/v2/projects").json()["projects"]
        form = client.get(f"/manage/v1/projects/{listed['id']}").json()["form"]
    assert [(one["key"], one["level"]) for one in form["fields"]] == [
        ("selected_model_id", "turn"),
        ("likert_value", "turn"),
    ]
