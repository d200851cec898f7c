"""Exported files as the own code of their consumers takes them, where it is installed.

TRL, argilla, label-studio-sdk and together bring so much along that the test extra leaves them out:
install them beside it and run this file. `docs/export.md` says with which versions that was done.
TRL's helpers for data sets need transformers, and no torch.
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


TEMPLATE = (
    "{% for one in messages %}<{{ one.role }}>{{ one.content }}</s>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


@pytest.fixture
def trl() -> Any:
    """TRL's helpers for data sets."""
    pytest.importorskip("transformers", reason="transformers")
    return pytest.importorskip("trl.data_utils", reason="trl==1.16.0")


@pytest.fixture
def tokenizer() -> Any:
    """A tokenizer that has a template, and knows one word."""
    transformers = pytest.importorskip("transformers", reason="transformers")
    tokenizers = pytest.importorskip("tokenizers", reason="tokenizers")
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel({"x": 0}, unk_token="x"))
    made = transformers.PreTrainedTokenizerFast(tokenizer_object=words)
    made.chat_template = TEMPLATE
    return made


def test_trl_takes_its_formats_as_conversations(exported, trl, tokenizer):
    formats = (
        "preference",
        "preference-implicit",
        "kto",
        "prompt-completion",
        "messages",
        "prompt",
    )
    for name in formats:
        rows = exported(f"trl-{name}", "jsonl").rows
        assert rows
        for row in rows:
            given = {key: value for key, value in row.items() if key not in ("task_id", "margin")}
            assert trl.is_conversational(given), name
            assert trl.maybe_convert_to_chatml(dict(given)) == given
            rendered = trl.apply_chat_template(dict(given), tokenizer)
            texts = [value for value in rendered.values() if isinstance(value, str)]
            assert texts, name
            assert all("None" not in text for text in texts)


def test_trl_finds_the_prompt_of_pairs_where_it_stands(exported, trl):
    explicit = exported("trl-preference", "jsonl").rows
    implicit = exported("trl-preference-implicit", "jsonl").rows
    by_task = {row["task_id"]: row for row in implicit}

    names = ("prompt", "chosen", "rejected")
    assert len(explicit) > 10
    for with_prompt in explicit:
        without = by_task[with_prompt["task_id"]]
        found = trl.extract_prompt({name: without[name] for name in names[1:]})
        assert found == {name: with_prompt[name] for name in names}
        assert trl.maybe_extract_prompt(dict(with_prompt)) == with_prompt


def test_trl_unpairs_the_pairs(exported, trl):
    datasets = pytest.importorskip("datasets")
    rows = exported("trl-preference", "jsonl").rows

    unpaired = trl.unpair_preference_dataset(datasets.Dataset.from_list(rows))

    assert list(unpaired["label"]) == [True] * len(rows) + [False] * len(rows)
    assert list(unpaired["completion"])[: len(rows)] == [row["chosen"] for row in rows]
