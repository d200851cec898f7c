"""Gold and repeats are seen nowhere: not in what leaves the server, nor by whoever answers them."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest

from plaudit import app
from plaudit.core.labeling import leases, task_notes
from plaudit.core.quality.reporting.options import ReportOptions
from plaudit.core.quality.reporting.report import quality_report
from plaudit.core.quality_control import repeats
from plaudit.core.quality_control.control_tasks import on_either_side
from plaudit.core.webhooks import endpoints
from plaudit.formats.exporting.registry import EXPORT_FORMATS
from plaudit.model.quality_control import GoldSettings, RepeatSettings
from plaudit.wire.v2.parse import convert
from plaudit.wire.v2.task import Thread
from tests.support.annotators import state_of
from tests.support.exports.projects import export_project
from tests.support.gold.gold_project import GoldProject, gold_content
from tests.support.harness import World, one_engine
from tests.support.labeling_project import lease_ref, make_content
from tests.support.moves import archive_of, rows_of, values_of
from tests.support.operations import GOOD, KEYED, NAMES, ask, calling
from tests.support.pages.browser_client import add_person, signed_in

pytestmark = one_engine

CANARY = "GoldCanary"
OF_GOLD = ("create_gold", "list_gold", "get_gold", "end_gold")
GOLD_PAGES = ("show_gold", "show_one_gold", "show_task_as_gold", "add_gold_rows")
ORDINARY = 8


def work_through(floor: GoldProject, user_id: str) -> None:
    """Answer all there is, control tasks with words of their own; flag, draft and skip some."""
    handled = iter(("flag", "skip", "draft"))
    while (lease := floor.lease_next(user_id)) is not None:
        answers = floor.prefer(lease)
        if floor.is_gold(lease):
            answers[-1]["value"] = f"Because {CANARY}."
            verb = next(handled, "")
            held = lease_ref(lease)
            work: Any = {
                "flag": lambda tx, side, h=held: task_notes.flag(
                    tx, side, h, reason="odd", note=CANARY
                ),
                "skip": lambda tx, side, h=held: task_notes.skip(
                    tx, side, h, reason="hard", note=CANARY
                ),
                "draft": lambda tx, side, h=held, a=answers: leases.save_draft(
                    tx, side, h, revision=1, answers=a, active_ms=7
                ),
            }.get(verb)
            if work is not None:
                floor.write(lambda tx, work=work: on_either_side(tx, floor.project, work))
            if verb == "skip":
                continue
        floor.submit(lease, answers, key=lease.assignment_id)


@pytest.fixture
def floor(world: World, monkeypatch: pytest.MonkeyPatch) -> GoldProject:
    """A project where people answered gold and repeats among eight tasks, all delivered."""
    monkeypatch.setattr(repeats, "REPEAT_AFTER", 1)
    monkeypatch.setattr(repeats, "REPEAT_AFTER_MS", 0)
    environment_id = world.org()
    world.run(
        world.db.write(
            lambda tx: endpoints.create_endpoint(
                tx, world.secret, environment_id, url="https://93.184.216.34/h", events=["*"]
            )
        )
    )
    settings = {"gold": GoldSettings(rate=0.5), "repeats": RepeatSettings(rate=0.5)}
    floor = GoldProject(world, name="Set", overlap=2, **settings)
    floor.add_gold(5, content=gold_content(f"Why {CANARY}?"), reason=CANARY)
    batch = floor.batch()
    floor.create(ORDINARY, batch=batch, content=make_content())
    people = [add_person(world, "annotator", email=f"{n}@example.com").user_id for n in "ab"]
    for user_id in people:
        work_through(floor, user_id)
    floor.people, floor.batch_id = people, batch.batch_id
    return floor


def hidden_words(world: World) -> set[str]:
    """Everything that only control tasks have: their words, and all ids of theirs."""
    found = {CANARY.lower()}
    for table, columns in (
        ("task", "project_key, task_id"),
        ("assignment", "project_key, assignment_id"),
        ("submission", "project_key, submission_id"),
        ("task_note", "project_key, note_id"),
    ):
        rows = rows_of(world, table, columns)
        assert any(key < 0 for key, _ in rows), table
        found |= {one for key, one in rows if key < 0}
    return found


def test_gold_and_repeats_are_in_no_route_delivery_export_webhook_count_or_page(
    world, floor, tmp_path
):
    hidden = hidden_words(world)
    project_id = floor.project.project_id
    assert rows_of(world, "repeat_task")

    def clean(what: str, text: str) -> None:
        assert not [one for one in hidden if one in text.lower()], what

    with calling(world, world.key(role="admin")) as client:
        path = f"/manage/v1/projects/{project_id}/deliveries"
        delivery = client.post(path, json={"name": "All"}).json()
        assert delivery["task_count"] == ORDINARY
        listed = client.get("/v2/tasks", params={"project_id": project_id}).json()["tasks"]
        assert len(listed) == ORDINARY
        known = {
            NAMES["project_id"]: project_id,
            NAMES["project_name"]: "Set",
            NAMES["batch_id"]: floor.batch_id,
            NAMES["batch_name"]: "First",
            NAMES["task_id"]: listed[0]["task_id"],
            NAMES["delivery_id"]: delivery["id"],
            NAMES["delivery_name"]: "All",
        }
        answered = set()
        for operation in KEYED:
            if operation.writes or operation.operation_id in OF_GOLD:
                continue
            for good in GOOD[operation.operation_id]:
                params = {name: known.get(value, value) for name, value in good.items()}
                answer = ask(client, operation, params)
                clean(operation.operation_id, answer.text)
                if answer.status_code == 200:
                    answered.add(operation.operation_id)
        assert answered >= {
            *("list_tasks", "get_task", "get_delivery", "list_deliveries", "get_task_content"),
            *("export_project", "export_delivery", "list_audit", "list_webhook_messages"),
            *("get_delivery_manifest", "partition_project", "list_batches", "get_legacy_task"),
        }
        for task_id in [one for one in hidden if one.startswith("task_")]:
            for operation in KEYED:
                needs = {"task_id", "taskId"} & {*re.findall(r"{(\w+)}", operation.path)}
                if needs and operation.operation_id not in OF_GOLD:
                    params = {"project_id": project_id} | dict.fromkeys(needs, task_id)
                    assert ask(client, operation, params).status_code in (400, 404)
            for route, name in (("/v2/task", "task_id"), ("/v1/task", "taskId")):
                assert client.get(route, params={name: task_id}).status_code == 404

    for name, export_format in EXPORT_FORMATS.items():
        out = tmp_path / f"{name}.{next(iter(export_format.containers))}"
        exported = export_project(world, out, name)
        clean(name, exported.path.read_bytes().decode("latin-1"))
        clean(name, exported.result.manifest.read_text())
    for is_operator in (True, False):
        lines = archive_of(world, for_operator=is_operator)
        clean("archive", json.dumps(lines))
        assert len(values_of(lines, "task")) == ORDINARY
    for table in ("event", "webhook_message", "audit_entry", "delivered_task", "frozen_task"):
        clean(table, repr(rows_of(world, table)))
        assert all(key >= 0 for (key,) in rows_of(world, table, "project_key")), table

    roles = ("annotator", "reviewer", "manager", "admin")
    names = {"project_id": project_id, "task_id": listed[0]["task_id"], "batch_id": floor.batch_id}
    names |= {"delivery_id": delivery["id"], "user_id": floor.people[0]}
    for role in roles:
        with signed_in(world, add_person(world, role, email=f"{role}@example.com")) as browser:
            seen = 0
            for page in app.all_pages():
                wanted = set(re.findall(r"{(\w+)}", page.path))
                if page.method != "GET" or page.page_id in GOLD_PAGES or not wanted <= {*names}:
                    continue
                answer = browser.get(page.path.format(**names))
                clean(f"{page.page_id} as {role}", answer.text)
                seen += answer.status_code == 200
            assert seen > 4


def test_a_manager_counts_no_gold(world, floor):
    """Two people did eight tasks each; no number on a page of theirs says otherwise."""
    with signed_in(world, add_person(world, "manager", email="mia@example.com")) as browser:
        text = browser.get(f"/projects/{floor.project.project_id}").text
        charts = browser.get(f"/projects/{floor.project.project_id}/charts").text

    report = world.run(quality_report(world.db, floor.project, ReportOptions()))
    assert report.tasks == ORDINARY
    votes = rows_of(world, "vote", "project_key")
    assert report.votes == sum(key > 0 for (key,) in votes) < len(votes)
    figures = dict(re.findall(r"<dt>(?:<[^>]+>)*([^<]+)(?:</a>)?</dt><dd>([\d,+]+)</dd>", text))
    assert figures.get("Completed", "8") == "8"
    assert re.findall(r"flagged[^<]*</a></dt><dd>[1-9]", text.lower()) == []
    assert f"{2 * ORDINARY}" in charts


def features(page: str, state: dict[str, Any], before: dict[str, Any] | None) -> list[float]:
    """What somebody at the page could measure of a task: sizes, ids, times, places, counts."""
    assignment = state["assignment"].removeprefix("assignment_")
    done, waiting = re.findall(r"Task (\d+)(?: · (\d+)\+? waiting)?", page)[0]
    shown = re.sub(r"Question \d+\.", "", page)
    last = before or state
    return [
        len(shown),
        len(json.dumps(state, sort_keys=True)),
        len(state),
        page.count("<"),
        "In batch" in page or "First" in page,
        int(done) + int(waiting or 0),
        *(int(assignment[at : at + 2], 16) for at in (11, 13, 20, 30)),
        state["now_ms"] - last["now_ms"],
        state["expires_ms"] - state["now_ms"],
        state["lease_version"],
        page.index("Answer A") < page.index("Answer B"),
        int(done) % 2,
        int(done) % 5,
    ]


def test_a_classifier_on_pages_ids_times_and_places_does_no_better_than_chance(world):
    """Cross-validated logistic regression, with a leak put in to show that it would be found."""
    floor = GoldProject(world, name="Set", gold=GoldSettings(rate=0.3), review="none")
    batch = floor.batch()

    def content(number: int) -> list[Any]:
        kinds = gold_content(f"Question {number}. What is it?")
        for message, text in zip(kinds[0]["turns"][0]["messages"][1:], "AB", strict=True):
            message["content"]["text"] = f"Answer {text}"
        return kinds

    floor.new(*({"content": content(1000 + number)} for number in range(60)))
    for number in range(100):
        floor.create(1, batch=batch, content=make_threads(content(2000 + number)))
    rows, truth, before = [], [], None
    with signed_in(world, add_person(world, "annotator")) as browser:
        queue = f"/work/{floor.project.project_id}"
        path = browser.post(queue, {}).headers["location"]
        while path:
            page = browser.get(path).text
            state = state_of(page)
            rows.append(features(page, state, before))
            before = state
            lease = find_lease(floor, state["assignment"])
            truth.append(floor.is_gold(lease))
            body = {
                "lease_version": 1,
                "answers": floor.prefer(lease),
                "client_key": "k",
                "active_ms": 5,
                "goes_on": True,
            }
            receipt = browser.send(f"{path}/submit", body).json()
            assert set(receipt) == {"submission_id", "submitted_ms", "undo_until_ms", "next"}
            path = receipt["next"]

    told, is_gold = np.array(rows, dtype=float), np.array(truth)
    assert len(told) == 100 + is_gold.sum() > 120
    assert area_under_curve(told, is_gold) < 0.5 + 3.5 * chance_spread(is_gold)
    leak = np.column_stack([told, is_gold + np.random.default_rng(7).normal(size=len(told)) / 3])
    assert area_under_curve(leak, is_gold) > 0.9
    assert len(set(told[:, 5])) == 1, "done and waiting tasks together never change"


def make_threads(sent: list[dict[str, Any]]) -> Any:

    return convert(sent, list[Thread])


def find_lease(floor: GoldProject, assignment_id: str) -> Any:
    [(key, user_id)] = [
        (key, user_id)
        for key, one, user_id in rows_of(
            floor.world, "assignment", "project_key, assignment_id, user_id"
        )
        if one == assignment_id
    ]
    assert key
    return floor.write(
        lambda tx: on_either_side(
            tx,
            floor.project,
            lambda tx, side: leases.get_lease(tx, side, user_id, assignment_id),
        )
    )


def chance_spread(is_gold: Any) -> float:
    """Standard deviation of the area under the curve where nothing can be told (Hanley 1982)."""
    positive, negative = int(is_gold.sum()), int((~is_gold).sum())
    return float(np.sqrt((positive + negative + 1) / (12 * positive * negative)))


def area_under_curve(told: Any, is_gold: Any, folds: int = 5) -> float:
    """Area under the curve of a ridge logistic regression, each row scored by the other folds."""
    spread = told.std(axis=0)
    columns = np.column_stack([np.ones(len(told)), (told - told.mean(axis=0)) / (spread + 1e-9)])
    scores = np.zeros(len(told))
    fold = np.random.default_rng(1).permutation(len(told)) % folds
    for number in range(folds):
        learnt, held = columns[fold != number], fold == number
        wanted, weights = is_gold[fold != number].astype(float), np.zeros(columns.shape[1])
        for _ in range(25):
            p = 1 / (1 + np.exp(-learnt @ weights))
            hessian = (learnt * (p * (1 - p))[:, None]).T @ learnt + np.eye(len(weights))
            weights -= np.linalg.solve(hessian, learnt.T @ (p - wanted) + weights)
        scores[held] = columns[held] @ weights - (columns[fold != number] @ weights).mean()
    above = scores[is_gold][:, None] > scores[~is_gold][None, :]
    ties = scores[is_gold][:, None] == scores[~is_gold][None, :]
    return float((above + ties / 2).mean())
