"""Imports of foreign rows by the command: ids, rows that lie apart, forms, open work, dry runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.harness import walk

PAIR = {
    "prompt": "Is 51 prime?",
    "chosen": "No, 51 = 3 × 17.",
    "rejected": "Yes.",
}
LONG = """\
[[responses]]
text = "answer"
model = "model"
ratings = { helpful = "helpful" }
"""


def write(path: Path, *rows: Any) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def tasks_of(world: Any, name: str) -> list[Any]:
    with world.client() as client:
        return list(walk(client, limit=100, project_name=name, opts="submissions"))


def project_of(world: Any, name: str) -> Any:
    with world.client() as client:
        listed = client.get("/v2/projects").json()["projects"]
        (key,) = [one["id"] for one in listed if one["name"] == name]
        return client.get(f"/manage/v1/projects/{key}").json()


@pytest.fixture
def at(world) -> list[str]:
    """The options that lead to the store of this world."""
    world.org()
    at = ["--data", str(world.settings.data)]
    return at if world.settings.database is None else [*at, "--database", world.settings.database]


@pytest.fixture
def imports(run, at, tmp_path):
    """Runs `plaudit import` on rows, with further arguments."""

    def import_rows(*rows: Any, name: str = "rows.jsonl", args: tuple[str, ...] = ()) -> Any:
        path = write(tmp_path / name, *rows)
        return run("import", path, "--project", "P", *args, *at)

    return import_rows


def test_a_second_import_changes_nothing_and_equal_rows_stay_tasks_of_their_own(world, imports):
    rows = [PAIR, PAIR, PAIR | {"rejected": "Perhaps."}]

    first, second = imports(*rows), imports(*rows)

    assert "tasks: 3 added" in first.stdout
    assert "tasks: 3 unchanged" in second.stdout
    assert "1 × an item is equal to an earlier one" in first.stdout
    assert len(tasks_of(world, "P")) == 3


def test_a_set_can_stand_in_two_projects(world, imports, run, at, tmp_path):
    imports(PAIR)
    other = run("import", str(tmp_path / "rows.jsonl"), "--project", "Q", *at)

    assert "tasks: 1 added" in other.stdout
    assert len(tasks_of(world, "P")) == len(tasks_of(world, "Q")) == 1


def test_the_command_says_what_rows_were_read_as(imports):
    done = imports(PAIR)

    assert "read as trl because of columns prompt, chosen, rejected" in done.stderr
    assert "--format overrules" in done.stderr


def test_columns_of_no_format_are_shown_with_a_draft_to_edit_and_nothing_is_stored(world, imports):
    done = imports({"frage": "Wie heißt du?", "antwort": "Udo."})

    assert done.returncode == 2
    assert "frage" in done.stderr
    assert "Wie heißt du?" in done.stderr
    assert "[[responses]]" in done.stdout
    with world.client() as client:
        assert client.get("/v2/projects").json()["projects"] == []


def test_rows_of_an_item_may_lie_apart_and_in_several_files(world, run, at, tmp_path):
    mapping = tmp_path / "m.toml"
    mapping.write_text('item = ["q"]\nprompt = "q"\n' + LONG)
    one = write(
        tmp_path / "one.jsonl",
        {"q": "A?", "answer": "a1", "model": "m1", "helpful": 1},
        {"q": "B?", "answer": "b1", "model": "m1", "helpful": 5},
    )
    two = write(
        tmp_path / "two.jsonl",
        {"q": "B?", "answer": "b2", "model": "m2", "helpful": 2},
        {"q": "A?", "answer": "a2", "model": "m2", "helpful": 4},
    )

    done = run("import", one, two, "--mapping", str(mapping), "--project", "P", *at)

    assert "tasks: 2 added" in done.stdout
    found = [
        [one["content"]["text"] for one in task["threads"][0]["turns"][0]["messages"]]
        for task in tasks_of(world, "P")
    ]
    assert sorted(found) == [["A?", "a1", "a2"], ["B?", "b1", "b2"]]


def test_a_project_without_a_form_gets_that_of_the_set(world, imports):
    imports(PAIR)

    keys = [one["key"] for one in project_of(world, "P")["form"]["fields"]]

    assert "selected_model_id" in keys


def test_a_project_with_a_form_or_with_tasks_keeps_what_it_has(world, imports, run, at, tmp_path):
    form = {"fields": [{"key": "own", "level": "turn", "type": "boolean"}]}
    with world.client() as client:
        client.post("/manage/v1/projects", json={"name": "P", "form": form})
        client.post("/manage/v1/projects", json={"name": "Q"})
        client.post("/v2/task/chat", json={"project_name": "Q", "prompt": "Hello?"})

    imports(PAIR)
    run("import", str(tmp_path / "rows.jsonl"), "--project", "Q", *at)

    assert [one["key"] for one in project_of(world, "P")["form"]["fields"]] == ["own"]


def test_open_work_has_the_conversation_and_nothing_of_what_was_judged(world, imports):
    imports(PAIR, args=("--pending",))

    (task,) = tasks_of(world, "P")
    with world.client() as client:
        content = client.get(f"/manage/v1/tasks/{task['task_id']}/content").json()["content"]

    assert (task["status"], task["threads"]) == ("pending", [])
    (turn,) = content[0]["turns"]
    assert len(turn["messages"]) == 3
    assert turn["annotations"] == []


def test_open_work_keeps_what_was_judged_only_if_asked(world, imports):
    imports(PAIR, args=("--pending", "--suggestions"))

    (task,) = tasks_of(world, "P")
    with world.client() as client:
        content = client.get(f"/manage/v1/tasks/{task['task_id']}/content").json()["content"]

    assert "selected_model_id" in [one["key"] for one in content[0]["turns"][0]["annotations"]]


def test_a_dry_run_shows_counts_and_three_tasks_and_stores_nothing(world, imports):
    rows = [PAIR | {"prompt": f"Is {n} prime?"} for n in range(5)]

    done = imports(*rows, PAIR | {"chosen": None}, args=("--dry-run", "--format", "trl"))

    assert "5 tasks would be imported" in done.stdout
    assert "1 row would be refused" in done.stdout
    assert done.stdout.count('"task_id"') == 3
    with world.client() as client:
        assert client.get("/v2/projects").json()["projects"] == []


def test_a_strict_import_with_a_bad_row_leaves_nothing_behind(world, imports):
    done = imports(PAIR, PAIR | {"chosen": None}, args=("--strict", "--format", "trl"))

    assert done.returncode == 1
    assert "rows.jsonl:2" in done.stderr
    assert tasks_of_any(world) == []


def tasks_of_any(world: Any) -> list[Any]:
    with world.client() as client:
        return [one["name"] for one in client.get("/v2/projects").json()["projects"]]


def test_a_foreign_set_needs_a_project(run, at, tmp_path):
    done = run("import", write(tmp_path / "rows.jsonl", PAIR), "--format", "trl", *at)

    assert done.returncode == 2
    assert "--project" in done.stderr


def test_a_column_that_is_missing_is_said_before_anything_is_written(world, imports):
    done = imports(PAIR, args=("--prompt", "prompt", "--response", "answer"))

    assert done.returncode == 2
    assert "answer" in done.stderr
    assert tasks_of_any(world) == []


def test_flags_map_the_columns_as_a_file_does(world, imports):
    row = {"q": "A?", "a": "yes", "b": "no", "better": "2"}
    done = imports(
        row,
        args=(
            *("--prompt", "q", "--response", "a", "--response", "b"),
            *("--preference", "better", "--values", "1=first,2=second"),
        ),
    )

    assert "tasks: 1 added" in done.stdout, done
    (task,) = tasks_of(world, "P")
    turn = task["threads"][0]["turns"][0]
    (selected,) = [one for one in turn["annotations"] if one["key"] == "selected_model_id"]
    (message,) = [one for one in turn["messages"] if one["source_id"] == selected["value"]]
    assert message["content"]["text"] == "no"
