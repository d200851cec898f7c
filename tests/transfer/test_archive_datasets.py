"""Archives of datasets and schemas: what goes out comes back, byte for byte, files included."""

from __future__ import annotations

import base64
import itertools
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plaudit.cli import app
from plaudit.core.transfer import export
from plaudit.core.transfer.dataset_import import CHUNK_TASKS
from tests.support.builders import make_tasks, make_thread
from tests.support.harness import World, run_cli, store_arguments
from tests.support.running.every_case import every_case
from tests.support.sample_tasks import archive_rows
from tests.transfer.test_archive import anything, texts

_numbers = itertools.count()
CREATED = "2024-01-01T00:00:00.000Z"
DELIVERED = "2024-02-01T00:00:00.000Z"
SCHEMA_ID = "65a0f1c2d3e4f5a6b7c8d9e0"


def line(kind: str, **value: Any) -> dict[str, Any]:
    return {"kind": kind, "value": value}


def make_dataset(one_id: str = "d", **fields: Any) -> dict[str, Any]:
    return line(
        "dataset", **({"id": one_id, "name": f"Set {one_id}", "created_at": CREATED} | fields)
    )


def make_delivery(one_id: str = "v", dataset: Any = "d", **fields: Any) -> dict[str, Any]:
    value = {"id": one_id, "name": f"Delivery {one_id}", "delivered_at": DELIVERED}
    return line("dataset_delivery", **(value | {"dataset": dataset} | fields))


def make_task(task_id: str = "t", dataset: Any = "d", delivery: Any = "v", **fields: Any) -> Any:
    value = {"task_id": task_id, "dataset": dataset, "delivery": delivery}
    return line("dataset_task", **(value | {"response": {"threads": [make_thread()]}} | fields))


def make_file(one_id: str = "f", content: bytes = b"bytes", **fields: Any) -> dict[str, Any]:
    return {"id": one_id, "content": base64.b64encode(content).decode()} | fields


def make_schema(**fields: Any) -> dict[str, Any]:
    value = {
        "id": SCHEMA_ID, "name": "Oceans", "createdBy": "ann", "createdAt": CREATED,
        "updatedBy": "bob", "updatedAt": DELIVERED, "json": '{ "type": "object" }',
    }  # fmt: skip
    return line("schema", **(value | fields))


EVERYTHING = [
    make_schema(),
    make_dataset("d2"),
    make_dataset("d"),
    make_delivery("v2"),
    make_delivery("v"),
    make_delivery("w", "d2", metadata={"task_count": 9, "turn_count": 40}),
    make_task("t/1", attachments=[
        make_file("a/b", bytes(range(256)), name="../ü\\.png", mime_type="image/png"),
        make_file("empty", b""),
    ]),
    make_task("t2", delivery="v2", response={"b": 1, "a": [None, 1.5, "é"]}),
    make_task("t3", response={}),
    make_task("t4", "d2", "w"),
]  # fmt: skip


def lines_of(world: World, org: str = "default") -> list[bytes]:
    environment_id = world.org(org)

    async def read() -> list[bytes]:
        return [one async for one in export.archive_lines(world.db, environment_id, world.objects)]

    return world.run(read())


def load(world: World, rows: Any, org: str = "default", **kwargs: Any) -> str:
    """Import lines of which none is refused; the summary."""
    summary, rejects = world.load(rows, "archive", org=org, **kwargs)
    assert rejects == []
    return str(summary)


def test_datasets_schemas_and_files_come_back_byte_for_byte(world):
    load(world, [*archive_rows(make_tasks(3)), *EVERYTHING])
    first = lines_of(world)

    summary = load(world, first, "fresh")

    assert lines_of(world, "fresh") == first
    assert summary.endswith(
        "tasks: 3 added; schemas: 1 added; datasets: 2 added; dataset_deliveries: 3 added; "
        "dataset_tasks: 4 added"
    )


def test_an_archive_has_each_kind_after_those_it_refers_to_with_ids_times_and_order(world):
    load(world, EVERYTHING)

    found = [json.loads(one) for one in lines_of(world)[1:]]

    kinds = [one["kind"] for one in found]
    order = ["schema", "dataset", "dataset_delivery", "dataset_task"]
    assert [kind for kind, _ in itertools.groupby(kinds)] == order
    values = {kind: [one["value"] for one in found if one["kind"] == kind] for kind in order}
    assert values["schema"] == [EVERYTHING[0]["value"]]
    assert values["dataset"] == [EVERYTHING[2]["value"], EVERYTHING[1]["value"]]
    shown = {one["id"]: one for one in values["dataset_delivery"]}
    assert shown["v"]["metadata"] == {"task_count": 2, "turn_count": 1}
    assert shown["w"] == EVERYTHING[5]["value"]
    tasks = {one["task_id"]: one for one in values["dataset_task"]}
    assert list(tasks) == ["t/1", "t2", "t3", "t4"]
    assert tasks == {row["value"]["task_id"]: row["value"] for row in EVERYTHING[6:]}


def test_what_an_archive_brings_is_served(world, client):
    load(world, EVERYTHING)

    page = client.get("/v2/datasets/delivery?delivery_id=w").json()
    file = client.get("/v2/datasets/task/t%2F1/response_url/a%2Fb")
    schema = client.get("/v2/schema", params={"schema_id": SCHEMA_ID}).json()["schema"]

    assert page["delivery"] == EVERYTHING[5]["value"]
    assert [one["task_id"] for one in page["tasks"]] == ["t4"]
    assert file.content == bytes(range(256))
    assert schema == EVERYTHING[0]["value"]


@pytest.mark.parametrize("strict", [False, True])
def test_the_same_archive_again_changes_nothing(world, strict):
    load(world, EVERYTHING, strict=strict)
    before = lines_of(world)

    summary = load(world, EVERYTHING, strict=strict)

    assert summary == (
        "schemas: 1 unchanged; datasets: 2 unchanged; dataset_deliveries: 3 unchanged; "
        "dataset_tasks: 4 unchanged"
    )
    assert lines_of(world) == before


def test_tasks_of_many_chunks_keep_their_order(world):
    count = CHUNK_TASKS * 2 + 7
    rows = [make_task(f"t{number}", delivery=f"v{number // 40}") for number in range(count)]
    load(world, rows)
    first = lines_of(world)
    load(world, first, "fresh")

    assert lines_of(world, "fresh") == first
    tasks = [json.loads(one)["value"]["task_id"] for one in first if b'"dataset_task"' in one]
    assert tasks == [f"t{number}" for number in range(count)]


def test_what_is_referred_to_is_made_and_takes_its_name_when_it_is_declared(world, client):
    load(world, [make_task("t", "d", "v"), make_task("u", "d", "v")])
    assert client.get("/v2/datasets").json() == {"datasets": [{"id": "d", "name": "d"}]}

    summary = load(world, [make_dataset(), make_delivery()])

    assert summary == "datasets: 1 updated; dataset_deliveries: 1 updated"
    page = client.get("/v2/datasets/tasks?dataset_id=d&expand=dataset,delivery").json()
    assert [one["delivery"]["delivered_at"] for one in page["tasks"]] == [DELIVERED] * 2
    assert page["tasks"][0]["dataset"] == {"id": "d", "name": "Set d"}
    bounded = client.get("/v2/datasets/tasks?dataset_id=d&delivered_before=2024-02-02").json()
    assert len(bounded["tasks"]) == 2


def test_references_may_be_whole_objects(world, client):
    dataset, delivery = make_dataset()["value"], make_delivery()["value"]

    load(world, [make_task(dataset=dataset, delivery=delivery | {"dataset": dataset})])

    page = client.get("/v2/datasets/tasks?dataset_id=d&expand=dataset,delivery").json()
    assert page["tasks"][0]["delivery"]["name"] == "Delivery v"
    assert page["tasks"][0]["dataset"]["name"] == "Set d"


CONFLICTS = [
    make_schema(json="{}"),
    make_schema(name="Other"),
    make_dataset(name="Other"),
    make_dataset("x", name="Set d"),
    make_dataset(created_at=DELIVERED),
    make_delivery(name="Other"),
    make_delivery(delivered_at=CREATED),
    make_delivery(dataset="d2"),
    make_delivery("x", name="Delivery v"),
    make_task("t2", "d", "v2", response={}),
    make_task("t3", "d", "v2", response={}),
    make_task("t3", "d2", "w", response={}),
    make_task("t3", response={}, attachments=[make_file()]),
    make_task("t/1", attachments=[make_file("a/b", b"other")]),
    make_task("new", "d2", "v"),
]


@pytest.fixture
def with_everything(world):
    load(world, EVERYTHING)
    return world


@every_case("row", CONFLICTS)
def test_what_is_stored_is_never_overwritten(with_everything, row):
    world, before = with_everything, lines_of(with_everything)

    summary, (reject,) = world.load([row], "archive", replace=True)

    assert summary.total("rejected") == 1
    assert reject.line == 1
    assert lines_of(world) == before


BAD = [
    (make_schema(id="x"), "/value/id"),
    (make_schema(json="{"), "/value/json"),
    (make_schema(json={}), "/value/json"),
    (make_schema(createdAt="yesterday"), "/value/createdAt"),
    (make_dataset(""), "/value/id"),
    (make_dataset(name="\u202e"), "/value/name"),
    (make_delivery(delivered_at="2999-01-01"), "/value/delivered_at"),
    (make_delivery(metadata={"task_count": "9"}), "/value/metadata/task_count"),
    (make_task(""), "/value/task_id"),
    (make_task(response=[]), "/value/response"),
    (make_task(attachments=[make_file(), make_file()]), "/value/attachments/1/id"),
    (make_task(attachments=[make_file(content=b"") | {"content": "%"}]),
     "/value/attachments/0/content"),
    (make_task(attachments=[make_file(name="a\nb")]), "/value/attachments/0/name"),
    (make_task(attachments=[{"content": ""}]), "/value/attachments/0"),
]  # fmt: skip


@every_case("row, pointer", BAD)
def test_a_line_that_is_wrong_is_refused_with_the_place_and_the_rest_goes_in(world, row, pointer):
    world = world.tenant()
    summary, (reject,) = world.load([row, make_task("good", "dd", "vv")], "archive")

    assert (reject.line, reject.pointer) == (1, pointer)
    assert summary.counts["dataset_task", "added"] == 1


def test_a_strict_import_with_a_refused_line_stores_nothing_of_it(world):
    before = lines_of(world)

    summary, rejects = world.load([*EVERYTHING, make_dataset("")], "archive", strict=True)

    assert summary.total("rejected") == len(rejects) == 1
    assert lines_of(world) == before


names = st.text(st.characters(categories=["L", "N", "S"]), min_size=1, max_size=6)


@st.composite
def dataset_rows(draw: Any) -> list[Any]:
    """Lines of one or two datasets with everything drawn at random."""
    rows = []
    for number in range(draw(st.integers(1, 2))):
        rows.append(make_dataset(f"d{number}", name=f"{draw(names)}{number}"))
        deliveries = [f"v{number}{one}" for one in range(draw(st.integers(1, 2)))]
        for one in deliveries:
            fields = {
                "name": f"{draw(names)}{one}",
                "delivered_at": f"{draw(st.integers(1950, 2020))}-01-01",
            }
            rows.append(make_delivery(one, f"d{number}", **fields))
        for task in range(draw(st.integers(0, 4))):
            files = draw(
                st.lists(
                    st.builds(
                        make_file, names, st.binary(max_size=40), name=st.none() | names,
                        mime_type=st.none() | names,
                    ),
                    max_size=2, unique_by=lambda file: file["id"],
                )
            )  # fmt: skip
            rows.append(
                make_task(
                    f"{draw(names)}/{number}{task}", f"d{number}",
                    draw(st.sampled_from(deliveries)),
                    response=draw(st.dictionaries(texts, anything, max_size=3)), attachments=files,
                )
            )  # fmt: skip
    return rows


@settings(
    deadline=None,
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(rows=dataset_rows())
def test_any_dataset_comes_back_byte_for_byte_and_is_the_same_again(world, rows):
    number = next(_numbers)
    load(world, rows, f"first {number}")
    lines = lines_of(world, f"first {number}")

    load(world, lines, f"second {number}")

    assert lines_of(world, f"second {number}") == lines
    summary, _ = world.load(rows, "archive", org=f"second {number}")
    assert summary.total("unchanged") == len(rows)


def test_the_commands_carry_files_from_one_store_to_another(settings, tmp_path):
    world = World(settings)
    load(world, EVERYTHING)
    world.close()
    first, second = tmp_path / "first.jsonl.gz", tmp_path / "second.jsonl.gz"
    fresh = ["--data", str(tmp_path / "fresh")]

    for arguments in (
        ["archive", *store_arguments(settings), "--out", str(first)],
        ["init", *fresh],
        ["import", str(first), *fresh, "--format", "archive", "--strict"],
        ["archive", *fresh, "--out", str(second)],
        ["db", "check", *fresh],
    ):
        assert app(arguments, exit_on_error=False, result_action="return_value") is None

    assert first.read_bytes() == second.read_bytes()
    kept = [one for one in (tmp_path / "fresh" / "attachments").rglob("*") if one.is_file()]
    assert len(kept) == 2


def test_an_archive_whose_file_is_gone_ends_with_a_reason_and_without_a_file(world, tmp_path):
    load(world, EVERYTHING)
    for one in (world.settings.data / "attachments").rglob("attachment_*"):
        one.unlink()

    done = run_cli("archive", *store_arguments(world.settings), "--out", str(tmp_path / "a.jsonl"))

    assert done.returncode == 1
    assert "attachments cannot be reached" in done.stderr
    assert list(tmp_path.glob("*a.jsonl*")) == []


def test_stored_data_holds_together_after_all_of_it(world):
    load(world, EVERYTHING)
    done = run_cli("db", "check", *store_arguments(world.settings))

    assert done.returncode == 0, done.stdout
