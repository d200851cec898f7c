"""Label Studio: minimal exports, labelling configurations, and the published files."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from plaudit.core.tasks.forms import FIELDS_MAX
from plaudit.errors import InvalidContent
from plaudit.formats.label_studio import FORMAT, annotators
from plaudit.formats.label_studio.config import CONFIG_BYTES_MAX, read_config
from tests.formats.judged.label_studio_tasks import CONFIG, by, region, task
from tests.formats.judged.rows import (
    messages_of,
    published,
    read,
    rows_of,
    sweep,
    value_of,
    votes_of,
)
from tests.support.running.every_case import every_case

# --- minimal exports ---


def minimal(person: Any, **columns: Any) -> dict[str, Any]:
    """A row of a minimal export: the data of a task, and the answers of one person."""
    return {
        "id": 5,
        **task()["data"],
        "annotator": person,
        "annotation_id": 70,
        "created_at": "2026-01-01T10:00:00Z",
        "updated_at": "2026-01-01T10:00:00Z",
        "lead_time": 4.5,
        **columns,
    }


def test_rows_of_a_minimal_export_are_the_votes_of_one_task():
    values = [
        minimal(1, better=[{"selected": "left"}], overall_one=[{"rating": 7}]),
        minimal(2, better=[{"selected": "right"}], faults={"choices": ["long", "wrong"]}),
        minimal(3, better=[{"selected": "left"}], rewrite="Nobody knows.", faults="long"),
    ]

    outcome = read(FORMAT, *values, config=CONFIG)

    assert votes_of(outcome.last_turn, "selected_model_id") == {
        "1": "otter",
        "2": "heron",
        "3": "otter",
    }
    one, two = outcome.last_turn["messages"][1:]
    assert value_of(one, "overall") == 7
    assert votes_of(two, "faults") == {"2": ["long", "wrong"], "3": ["long"]}
    assert value_of(two, "rewrite") == "Nobody knows."
    assert outcome.task.item_id == "5"


def test_cells_of_a_minimal_export_are_read_as_its_rows():
    rows = [
        minimal(1, better=[{"selected": "left"}], overall_one=[{"rating": 7}]),
        minimal(2, **{"else": "tie"}),
    ]
    cells = [
        {name: one if isinstance(one, str) else json.dumps(one) for name, one in row.items()}
        for row in rows
    ]

    assert read(FORMAT, *cells, config=CONFIG).task == read(FORMAT, *rows, config=CONFIG).task


def test_a_minimal_row_without_an_annotation_is_open_work():
    outcome = read(FORMAT, minimal(None, annotation_id=None), config=CONFIG)

    assert not outcome.task.is_judged


def test_a_fault_of_a_minimal_export_is_named_by_row_and_column():
    values = [minimal(1), minimal(2, better=[{"selected": "middle"}])]

    outcome = read(FORMAT, *values, config=CONFIG)

    assert [(row, at) for row, at, _ in outcome.refused] == [(2, "/better")]


def test_minimal_exports_need_the_configuration():
    with pytest.raises(InvalidContent, match="--config"):
        read(FORMAT, minimal(1))
    assert FORMAT.detect is not None
    assert FORMAT.detect(rows_of([minimal(1)]))


def test_hostile_minimal_rows_are_refused_or_taken_but_never_fail():
    assert sweep(FORMAT, minimal(1, better=[{"selected": "left"}], faults="long"), CONFIG) > 10


# --- configurations ---


@every_case(
    "config",
    [
        "",
        "<View>",
        "no xml",
        '<!DOCTYPE x [<!ENTITY a "b">]><View><Text name="a" value="&a;"/></View>',
        '<!DOCTYPE x SYSTEM "file:///etc/passwd"><View/>',
        "<View>&unknown;</View>",
        "<View>" + "<View/>" * 20_001 + "</View>",
        "<View>" + " " * CONFIG_BYTES_MAX + "</View>",
        '<View><Pairwise name="p" toName="a"/></View>',
        '<View><Text name="a" value="A"/><Pairwise name="p" toName="a,b"/></View>',
        '<View><Text name="t" value="$t"/><Rating name="r" toName="t" maxRating="-1"/></View>',
        "<View>\ud800</View>",
    ],
)
def test_unsound_configurations_are_refused(config):
    with pytest.raises(InvalidContent):
        read_config(config)


def test_a_large_configuration_is_read():
    options = "".join(f'<Choice value="{n}"/>' for n in range(10_000))
    text = (
        f'<View><Text name="t" value="$t"/><Choices name="c" toName="t">{options}</Choices></View>'
    )

    config = read_config(text.ljust(CONFIG_BYTES_MAX))

    assert len(config.controls["c"].values) == 10_000


# --- published files ---


@pytest.fixture
def published_pairwise() -> Any:
    values = json.loads(published("label-studio-samples/pairwise.json"))
    return read(FORMAT, *values, config=published("label-studio-samples/pairwise.config.xml"))


def test_the_published_comparisons_have_their_counts(published_pairwise):
    expected = json.loads(published("expected.json"))["label-studio-samples"]["pairwise"]
    verdicts: Counter[str] = Counter()
    wins: Counter[str] = Counter()
    votes = 0
    for one in published_pairwise.tasks:
        turn = one.threads[0]["turns"][-1]
        sides = [said for said in turn["messages"] if said["role"] == "assistant"]
        texts = [said["content"]["text"] for said in sides]
        verdict = next(
            (a for a in turn["annotations"] if a["key"] in ("selected_model_id", "preference")),
            None,
        )
        votes += len(verdict["votes"]) if verdict else 0
        names = [said["source_id"] for said in sides]
        value = verdict["value"] if verdict else "pending"
        verdicts[("left", "right")[names.index(value)] if value in names else str(value)] += 1
        if value in names and texts[0] != texts[1] and all(text.strip() for text in texts):
            wins[value] += 1

    assert len(published_pairwise.tasks) == expected["tasks"]
    assert votes == expected["votes"]
    assert wins == expected["wins_by_model"]
    assert dict(verdicts) == {
        "left": expected["left"],
        "right": expected["right"],
        "tie": expected["tie"],
        "all_bad": expected["both_bad"],
        "None": expected["none"],
        "pending": expected["pending"],
    }
    cancelled = published_pairwise.notes.count(annotators.CANCELLED)
    replaced = published_pairwise.notes.count(annotators.REPLACED)
    assert (cancelled, votes + replaced) == (expected["cancelled"], expected["annotations"])


def test_the_published_chat_has_its_messages():
    expected = json.loads(published("expected.json"))["label-studio-samples"]["chat_data"]

    outcome = read(FORMAT, *json.loads(published("label-studio-samples/chat_data.json")))

    assert len(outcome.tasks) == expected["tasks"]
    assert len(messages_of(outcome.task)) == expected["messages"]


def test_the_published_exports_are_taken_and_detected():
    names = ("pairwise", "chat_data", "csv_test", "csv_test2")
    for name in names:
        values = json.loads(published(f"label-studio-samples/{name}.json"))
        assert FORMAT.detect is not None
        assert FORMAT.detect(rows_of(values)), name

    rejected = read(FORMAT, *json.loads(published("label-studio-samples/csv_test.json")))
    choices = read(FORMAT, *json.loads(published("label-studio-samples/csv_test2.json")))

    assert [one.is_judged for one in rejected.tasks] == [False, False]
    assert value_of(choices.last_turn, "uri_selection").startswith('Yes " ""')


def test_a_form_asks_no_more_than_a_form_can():
    results = [region(f"c{n}", "choices", {"choices": ["a"]}) for n in range(FIELDS_MAX + 1)]

    outcome = read(FORMAT, task(by(1, *results)))

    assert outcome.form is not None
    assert len(outcome.form.fields) == FIELDS_MAX
    assert len(outcome.last_turn["annotations"]) == FIELDS_MAX + 1
