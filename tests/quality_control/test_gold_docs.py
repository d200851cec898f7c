"""The examples of docs/quality/gold.md: the request and the rows are taken as they stand."""

from __future__ import annotations

import json
import re

from plaudit.core.quality_control.gold_sources import COLUMNS, read_csv
from plaudit.core.quality_control.gold_tasks import create_gold
from plaudit.core.tasks.forms import form_of
from plaudit.wire.v2.resources import project_detail
from tests.support.gold.gold_project import GoldProject
from tests.support.harness import one_engine
from tests.test_docs import ROOT

PAGE = (ROOT / "docs" / "quality" / "gold.md").read_text("utf-8")


def block(name: str) -> str:
    found = re.search(rf"^```{name}\n(.*?)^```", PAGE, re.M | re.S)
    assert found is not None
    return found[1]


@one_engine
def test_the_request_and_the_rows_of_the_page_make_gold(world):
    floor = GoldProject(world)
    with world.client() as client:
        path = f"/manage/v1/projects/{floor.project.project_id}/gold"
        answer = client.post(path, json=json.loads(block("json gold")))
        assert answer.status_code == 200, answer.text
        [made] = answer.json()["tasks"]
        listed = client.get(path).json()["tasks"]
        assert [one["task_id"] for one in listed] == [made["task_id"]]
        again = client.get(f"{path}/{made['task_id']}").json()
        kept = {name: again[name] for name in ("content", "expected", "reason")}
        assert client.post(path, json={"tasks": [kept]}).status_code == 200
        assert client.delete(f"{path}/{made['task_id']}").json()["ended"] is True
        assert len(client.get(path, params={"limit": 1}).json()["tasks"]) == 1
    rows = read_csv(form_of(project_detail(floor.project)), block("csv"))

    floor.write(lambda tx: create_gold(tx, floor.project, rows.tasks))

    first, second = floor.gold()
    assert [one.expected.value for one in first.questions] == ["m00"]
    assert [one.expected.value for one in second.questions] == ["m00", 1]
    assert second.row.reason == "Spiders have eight legs."


@one_engine
def test_a_project_says_how_often_gold_and_repeats_are_given(world):
    floor = GoldProject(world)
    path = f"/manage/v1/projects/{floor.project.project_id}"
    with world.client() as client:
        given = {"gold": {"rate": 0.1, "feedback": "daily"}, "repeats": {"rate": 0.02}}
        kept = client.patch(path, json=given).json()
        assert {name: kept[name] for name in given} == given
        assert "gold" not in client.patch(path, json={"gold": None}).json()
        for wrong, pointer in (
            ({"gold": {"rate": 0.51}}, "/gold/rate"),
            ({"repeats": {"rate": -0.1}}, "/repeats/rate"),
            ({"gold": {"feedback": "often"}}, "/gold/feedback"),
            ({"gold": {"unknown": 1}}, "/gold"),
        ):
            refused = client.patch(path, json=wrong)
            assert (refused.status_code, refused.json()["pointer"]) == (400, pointer)


def test_the_page_names_every_column():
    table = PAGE[PAGE.index("| column |") : PAGE.index("## How it is scored")]

    assert {name for name in COLUMNS if f"`{name}`" not in table} == set()
