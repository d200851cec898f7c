"""Detection of Plaudit's own archives, of v2 tasks and of OpenAssistant trees."""

from __future__ import annotations

from typing import Any

import pytest

from plaudit.core.tasks.form_checks import check_form
from plaudit.formats import archive, oasst, v2
from plaudit.formats.import_format import ObjectRows
from plaudit.formats.registry import FORMATS
from tests.formats.reading import published_rows, rows_of
from tests.support import builders
from tests.support.running.every_case import every_case

TASK = builders.make_task("t1")
LINE = {"kind": "task", "value": TASK}
FIRST_LINE = {"kind": "organization", "value": {"archive": "plaudit", "version": 2}}
PROMPT = {"message_id": "m1", "text": "Which soup?", "role": "prompter", "replies": []}
TREE = {"message_tree_id": "m1", "tree_state": "ready_for_export", "prompt": PROMPT}


def detected(*values: Any) -> list[str]:
    """Names of all formats that take these rows for theirs."""
    rows = rows_of(values)
    return [
        name
        for name, chosen in FORMATS.items()
        if chosen.detect is not None and chosen.detect(rows)
    ]


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ([LINE], "archive"),
        (
            [{"kind": "organization", "value": {"archive": "plaudit", "version": 2}}, LINE],
            "archive",
        ),
        ([TASK, TASK], "v2"),
        ([{"task_id": "t1", "status": "pending", "content": []}], "v2"),
        ([{"tasks": [TASK], "next_token": "x"}, {"tasks": []}], "v2"),
        ([TREE], "oasst"),
    ],
)
def test_each_of_them_is_told_by_its_rows(values, name):
    assert detected(*values) == [name]


@every_case(
    "values",
    [
        [1],
        [None],
        [[LINE]],
        [LINE, {"kind": "task"}],
        [{"kind": "animal", "value": {}}],
        [{"kind": "task", "value": 1}],
        [{"kind": ["task"], "value": {}}],
        [{"tasks": []}],
        [{"tasks": "some"}],
        [{"tasks": [TASK, {"task_id": "t1"}]}],
        [{"tasks": [{"id": 1}]}],
        [{"task_id": "t1", "status": "done", "threads": []}],
        [{"task_id": 1, "status": "completed", "threads": []}],
        [{"task_id": "t1", "status": ["completed"], "threads": []}],
        [{"task_id": "t1", "status": "completed"}],
        [TASK, LINE],
        [{"message_tree_id": "m1", "prompt": "Which soup?"}],
        [{"message_tree_id": "m1", "prompt": {"text": "Which soup?"}}],
        [{"message_id": "m1", "prompt": PROMPT}],
        [TREE, {"message_tree_id": "m2"}],
    ],
)
def test_other_rows_fall_through(values):
    assert detected(*values) == []


def test_the_published_trees_are_detected():
    rows = published_rows("oasst-en100/en_100_tree.jsonl", oasst.FORMAT)[:50]

    assert detected(*(row.value for row in rows)) == ["oasst"]


def test_an_archive_or_a_page_of_tasks_is_one_row_where_a_file_is_one_object():
    assert archive.FORMAT.object_rows is v2.FORMAT.object_rows is ObjectRows.never


def test_the_form_of_trees_is_one_that_people_can_answer():
    form = oasst.FORMAT.form

    assert form is not None
    check_form(form)
    assert [field.key for field in form.fields] == ["ranking", "selected_model_id"]
