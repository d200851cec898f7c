"""Exported files as the own code of their consumers takes them, where it is installed.

argilla, label-studio-sdk and together bring so much along that the test extra leaves them out:
install them beside it and run this file. `docs/export.md` says with which versions that was done.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.builders import make_annotation, make_message, make_turn
from tests.support.exports.judged_tasks import judged_task, judged_tasks
from tests.support.exports.projects import Exported, export_project
from tests.support.harness import World, one_engine

pytestmark = [one_engine, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def exported(world: World, tmp_path: Path) -> Any:
    """Export tasks of every verdict, also with prompts that some hosts refuse."""
    tasks = [*judged_tasks(), *(judged_task(number, "alpha") for number in range(20, 30))]
    system = make_message("system", "Be brief.", role="system")
    twice = [make_message("user", "A?"), make_message("more", "B?", role="user")]
    sides = [make_message("alpha", "Yes."), make_message("beta", "No.")]
    chosen = make_annotation("selected_model_id", "alpha", type="category")
    for number, prompt in enumerate(([system, *twice], twice, [*twice, system])):
        turn = make_turn(messages=[*prompt, *sides], annotations=[chosen])
        thread = {"id": "thread_0", "turns": [turn], "annotations": []}
        tasks.append(judged_task(40 + number, "alpha") | {"threads": [thread]})
    assert world.load(tasks)[1] == []

    def export(name: str, container: str) -> Exported:
        out = tmp_path / f"out.{container}"
        return export_project(world, out, name, project="project_123")

    return export


@pytest.mark.parametrize("name", ["openai-dpo", "openai-sft"])
def test_together_takes_files_of_openai(exported, name):
    files = pytest.importorskip("together.utils.files", reason="together==1.5.25 checks rows")
    made = exported(name, "jsonl")

    report = files.check_file(made.path)

    assert report["is_check_passed"], report
    assert report["num_samples"] == made.result.rows > 10


def test_label_studio_takes_the_tasks_with_their_configuration(exported):
    sdk = pytest.importorskip("label_studio_sdk.label_interface", reason="label-studio-sdk")
    made = exported("label-studio", "json")
    interface = sdk.LabelInterface(made.path.with_name("out.json.config.xml").read_text())

    interface.validate()
    regions = 0
    for row in made.rows:
        assert interface.validate_task({"data": row["data"]}), row
        for annotation in row["annotations"]:
            assert interface.validate_annotation(annotation), annotation
            for region in annotation["result"]:
                assert interface.validate_region(region), region
                regions += 1
    assert regions >= made.result.rows > 10


def test_argilla_takes_the_records_and_their_settings(exported, monkeypatch):
    argilla = pytest.importorskip("argilla", reason="argilla")
    # Settings want a client, and a client asks its server who it is.
    monkeypatch.setattr("argilla._api._client.APIClient._validate_connection", lambda client: None)
    argilla.Argilla(api_url="http://127.0.0.1:1", api_key="nobody")
    made = exported("argilla", "json")
    beside = made.path.with_name("out.json.settings.json")

    settings = argilla.Settings.from_json(beside)
    records = [argilla.Record.from_dict(row) for row in made.rows]

    assert len(records) == made.result.rows > 10
    declared = {question.name for question in settings.questions}
    assert {field.name for field in settings.fields} == set(records[0].fields.to_dict())
    for record, row in zip(records, made.rows, strict=True):
        assert record.id == row["id"]
        answers = record.responses.to_dict()
        assert set(answers) <= declared
        given = {
            name: [(one["value"], one["user_id"]) for one in listed]
            for name, listed in row["responses"].items()
        }
        assert {
            name: [(one["value"], str(one["user_id"])) for one in listed]
            for name, listed in answers.items()
        } == given
