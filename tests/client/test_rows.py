"""Rows and tables of the client, beside the files that `plaudit export` writes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pyarrow.parquet
import pytest

from plaudit.client import AsyncClient, Client
from plaudit.client.client_error import ClientError
from tests.support.builders import make_annotation, make_message, make_task, make_thread, make_turn
from tests.support.exports.judged_tasks import judged_tasks
from tests.support.harness import (
    World,
    on_shared_sqlite,
    one_engine,
    run_cli,
    store_arguments,
)
from tests.support.network.odd_server import OddServer, answered

KEY = "live_key"
PROJECT = {"project_id": "project_123"}
TABLES = ("tasks", "messages", "annotations", "comparisons", "votes")
FORMATS = {
    "trl-preference": {},
    "trl-preference-implicit": {"pairs": "all"},
    "trl-kto": {"ties": "both-desirable"},
    "trl-messages": {"last_turn_only": True},
    "helpsteer": {},
    "openai-dpo": {"judges": "each"},
}
"""Formats with options that change their rows."""


@pytest.fixture(scope="module")
def stored(shared_world: World) -> World:
    """A store with tasks of each verdict, votes of several people, and an open one."""
    open_task = make_task("open", "pending")
    _, rejects = shared_world.load([*judged_tasks(), open_task])
    assert rejects == []
    return shared_world


@pytest.fixture
def client(stored: World) -> Iterator[Client]:
    with (
        stored.client() as http,
        Client(url="http://testserver", key=stored.key(), http_client=http) as client,
    ):
        yield client


def exported(world: World, path: Any, name: str, options: dict[str, Any]) -> Any:
    """The file that the command writes."""
    chosen: list[str] = []
    for option, value in options.items():
        chosen += [f"--{option.replace('_', '-')}", *([] if value is True else [str(value)])]
    arguments = ["--project", "project_123", "--format", name, "--out", str(path), *chosen]
    ran = run_cli("export", *store_arguments(world.settings), *arguments)
    assert ran.returncode == 0, ran.stderr
    return path, ran.stdout


@on_shared_sqlite
@pytest.mark.parametrize("name", FORMATS)
def test_training_rows_are_byte_for_byte_those_of_the_command(stored, client, tmp_path, name):
    options = FORMATS[name]
    path, said = exported(stored, tmp_path / "theirs.jsonl", name, options)

    rows = client.tasks(**PROJECT).rows(name, **options)
    rows.write(tmp_path / "ours.jsonl")

    assert (tmp_path / "ours.jsonl").read_bytes() == path.read_bytes()
    assert len(rows) > 0
    assert [f"{count} × skipped: {reason}" for reason, count in rows.skipped.items()] == [
        line for line in said.splitlines() if "skipped" in line
    ]


@on_shared_sqlite
@pytest.mark.parametrize("name", TABLES)
def test_tables_have_the_schema_and_the_rows_of_the_command(stored, client, tmp_path, name):
    path, _ = exported(stored, tmp_path / "theirs.parquet", name, {})
    theirs = pyarrow.parquet.read_table(path)

    listing = client.tasks(**PROJECT)

    assert listing.to_arrow(name).equals(theirs)
    assert list(listing.to_pandas(name).columns) == theirs.column_names
    assert listing.to_dataset(name).num_rows == theirs.num_rows


@on_shared_sqlite
def test_the_shortcuts_are_formats_of_trl(client):
    tasks = client.tasks(**PROJECT)

    assert list(tasks.to_preference(pairs="all")) == list(tasks.rows("trl-preference", pairs="all"))
    assert list(tasks.to_reward()) == list(tasks.rows("trl-preference-implicit"))
    assert list(tasks.to_kto()) == list(tasks.rows("trl-kto"))
    assert list(tasks.to_sft()) == list(tasks.rows("trl-messages"))
    assert set(tasks.to_preference()[0]) >= {"prompt", "chosen", "rejected"}


@on_shared_sqlite
def test_nothing_to_export_still_has_its_columns(client):
    table = client.tasks(**PROJECT, status="pending").to_preference().to_arrow()

    assert table.num_rows == 0
    assert {"prompt", "chosen", "rejected"} <= set(table.column_names)


@on_shared_sqlite
def test_an_unknown_format_and_an_unknown_option_are_refused(client):
    with pytest.raises(ValueError, match="trl-preference"):
        client.tasks(**PROJECT).rows("trl-preferences")
    with pytest.raises(ValueError, match="judges"):
        client.tasks(**PROJECT).to_preference(judges="the-loudest")
    with pytest.raises(TypeError, match="prefers"):
        client.tasks(**PROJECT).to_preference(prefers="overall")


def scored(value: int, **fields: Any) -> dict[str, Any]:
    """A task with a preference of 1 to 5, of which 5 is the first response's."""
    messages = [
        make_message("user", "Why?"),
        make_message("a", "Because.", annotations=[quality(6)]),
        make_message("b", "Never mind.", annotations=[quality(2)]),
    ]
    scale = {"type": "integer", "possible_values": [1, 2, 3, 4, 5]}
    turn = make_turn(
        messages=messages, annotations=[make_annotation("likert_value", value, **scale)]
    )
    return make_task(threads=[make_thread(turns=[turn])], **fields)


def quality(value: int) -> dict[str, Any]:
    scale = {"type": "integer", "possible_values": [0, 2, 4, 6, 8, 10]}
    return make_annotation("quality", value, **scale)


@one_engine
def test_the_direction_of_a_scale_is_that_of_the_form(world):
    """Of the annotation alone nobody could say that the high end is the first response's."""
    field = {"level": "turn", "type": "integer", "possible_values": [1, 2, 3, 4, 5]}
    form = {"fields": [{"key": "likert_value", "scale": "high_is_first", **field}]}
    with world.client() as http:
        made = {"id": "project_123", "name": "Scales", "form": form}
        assert http.post("/manage/v1/projects", json=made).status_code == 200
        world.load([scored(5)])
        with Client(url="http://testserver", key=world.key(), http_client=http) as client:
            (row,) = client.tasks(**PROJECT).to_preference()

    assert row["chosen"][0]["content"] == "Because."


def of_foreign_server(*tasks: dict[str, Any], status: int = 404) -> Any:
    """Answers of a server that knows v2 alone, and answers anything else with a status."""

    def answer(number: int, head: bytes) -> bytes:
        if b"/v2/tasks" in head:
            return answered({"tasks": tasks})
        if b"/v2/project" in head:
            return answered({"id": "project_123", "name": "Birds"})
        return answered(b"<html>", status)

    return answer


@pytest.mark.parametrize("status", [404, 403, 200])
def test_of_v2_alone_low_is_the_first_response_and_scales_are_the_annotations_own(status):
    answers = of_foreign_server(scored(5), status=status)
    with OddServer(answers) as server, Client(url=server.url, key=KEY) as client:
        tasks = client.tasks(**PROJECT)
        (row,) = tasks.to_preference()
        labels = [label["label"] for label in tasks.to_kto(prefer="quality")]
        (comparison,) = tasks.rows("comparisons")

    assert row["chosen"][0]["content"] == "Never mind."
    assert labels == [True, False]
    assert comparison["project"] == "Birds"


def test_a_column_that_one_row_has_no_value_of_is_in_none():
    choice = scored(5, task_id="chosen")
    turn = choice["threads"][0]["turns"][0]
    turn["annotations"] = [make_annotation("selected_model_id", "a", type="category")]
    with (
        OddServer(of_foreign_server(scored(5), choice)) as server,
        Client(url=server.url, key=KEY) as client,
    ):
        rows = client.tasks(**PROJECT).to_preference()

    assert [list(row) for row in rows] == [["prompt", "chosen", "rejected", "task_id"]] * 2
    assert rows.to_arrow().column_names == ["prompt", "chosen", "rejected", "task_id"]


def test_a_form_that_is_given_wins():
    field = {"level": "turn", "type": "integer", "possible_values": [1, 2, 3, 4, 5]}
    form = {"fields": [{"key": "likert_value", "scale": "high_is_first", **field}]}
    answers = of_foreign_server(scored(5))
    with OddServer(answers) as server, Client(url=server.url, key=KEY) as client:
        (row,) = client.tasks(**PROJECT).rows("trl-preference", form=form)

    assert row["chosen"][0]["content"] == "Because."


def test_exports_ask_for_every_detail_whatever_was_asked_for():
    answers = of_foreign_server(scored(2))
    with OddServer(answers) as server, Client(url=server.url, key=KEY) as client:
        client.tasks(**PROJECT, opts=["submissions"], expand=["project"]).to_sft()

        target = server.heads[0].split(b" ")[1]
    assert target.count(b"opts=") == 4
    assert b"expand" not in target


def test_the_asynchronous_client_makes_the_same_rows():
    async def rows(url: str) -> list[Any]:
        async with AsyncClient(url=url, key=KEY) as client:
            tasks = client.tasks(**PROJECT)
            return [
                *(await tasks.to_preference()),
                *(await tasks.to_kto(prefer="quality")),
                *(await tasks.to_sft()),
                *(await tasks.to_reward()),
                (await tasks.to_arrow("annotations")).num_rows,
            ]

    with OddServer(of_foreign_server(scored(2))) as server:
        found = asyncio.run(rows(server.url))
        with Client(url=server.url, key=KEY) as client:
            tasks = client.tasks(**PROJECT)
            assert found == [
                *tasks.to_preference(),
                *tasks.to_kto(prefer="quality"),
                *tasks.to_sft(),
                *tasks.to_reward(),
                tasks.to_arrow("annotations").num_rows,
            ]


def test_a_task_without_anything_optional_is_exported():
    bare = {"task_id": "t", "project": "p", "status": "completed", "created_at": "2025-01-01"}
    with (
        OddServer(of_foreign_server(bare)) as server,
        Client(url=server.url, key=KEY) as client,
    ):
        assert client.tasks(**PROJECT).to_preference().skipped == {"nothing_to_write": 1}
        assert json.loads(json.dumps(list(client.tasks(**PROJECT).rows("messages")))) == []


@on_shared_sqlite
def test_votes_can_be_had_by_every_filter_and_of_a_delivery(stored, client, tmp_path):
    path, _ = exported(stored, tmp_path / "votes.jsonl", "votes", {})
    whole = path.read_bytes()
    delivery = client.create_delivery("project_123", "Votes")

    listing = client.tasks(project_name="project_123", status="completed", limit=1, parallel=2)
    listing.rows("votes").write(tmp_path / "named.jsonl")
    delivered = client.delivered_tasks(delivery.id).rows("votes")
    none = client.tasks(**PROJECT, completed_after="2999-01-01").to_arrow("votes")

    assert (tmp_path / "named.jsonl").read_bytes() == whole
    assert len(whole.splitlines()) == len(delivered) > 0
    assert (none.num_rows, "contributor_id" in none.column_names) == (0, True)
    with pytest.raises(ValueError, match="name it"):
        client.tasks().rows("votes")
    with pytest.raises(TypeError, match="no option"):
        client.tasks(**PROJECT).rows("votes", pair="all")


def test_both_clients_have_the_same_votes():
    vote = {"task_id": "t", "key": "overall", "contributor_id": "ann", "value_number": 2.0}

    def answer(number: int, head: bytes) -> bytes:
        return answered(vote if b"/export?format=votes" in head else {"id": "project_123"})

    async def of_async(url: str) -> list[Any]:
        async with AsyncClient(url=url, key=KEY) as client:
            return list(await client.tasks(**PROJECT).rows("votes"))

    with OddServer(answer) as server, Client(url=server.url, key=KEY) as client:
        assert list(client.tasks(**PROJECT).rows("votes")) == [vote]
        assert asyncio.run(of_async(server.url)) == [vote]


@pytest.mark.parametrize("status", [404, 200])
def test_a_server_without_votes_says_so(status):
    with (
        OddServer(of_foreign_server(status=status)) as server,
        Client(url=server.url, key=KEY) as client,
        pytest.raises(ClientError, match="export"),
    ):
        client.tasks(**PROJECT).to_arrow("votes")
