"""Partitions of exports: nothing is missed and nothing comes twice, whatever happens meanwhile."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from plaudit.core.common import page_tokens
from plaudit.core.transfer.partitions import PARTITIONS_MAX, PartitionRange
from plaudit.store.common import pages
from plaudit.store.tasks import task_ranges
from tests.support.builders import make_task
from tests.support.databases.statement_counter import counting
from tests.support.deliveries import deliver, move
from tests.support.harness import one_engine
from tests.support.operations import assert_is_error, calling
from tests.transfer.judged_exports import judged

PROJECT = "/manage/v1/projects/project_123"
COMPLETED, PENDING = 30, 18
COUNTS = (1, 3, 64)


@pytest.fixture
def stored(kept_world):
    """Completed tasks of two batches, a few without a strength, among pending ones."""
    rows = []
    for number in range(COMPLETED + PENDING):
        batch = f"batch_{number % 2}"
        if number % 8 in (2, 5, 7):
            rows.append(make_task(f"task_{number:05d}", status="pending", batch=batch))
        else:
            rows.append(judged(number, 1 + number % 3, batch=batch))
    assert kept_world.load(rows)[1] == []
    return kept_world


@pytest.fixture
def client(stored):
    with calling(stored, stored.key()) as client:
        yield client


def chosen(number: int, **fields: Any) -> Any:
    """A task of whose responses the first is better; nobody said how much."""
    task = judged(number, **fields)
    [annotation] = task["threads"][0]["turns"][0]["annotations"]
    annotation |= {"key": "selected_model_id", "type": "text", "value": "base_model"}
    return task


def plan(client: Any, path: str = PROJECT, **query: Any) -> list[dict[str, Any]]:
    """Partitions as they are planned."""
    answer = client.get(f"{path}/partitions", params=query)
    assert answer.status_code == 200, answer.text
    return list(answer.json())


def read(client: Any, token: str, path: str = PROJECT, **query: Any) -> bytes:
    """Lines of a partition."""
    asked = {"format": "v2", "partition": token} | query
    answer = client.get(f"{path}/export", params=asked)
    assert answer.status_code == 200, answer.text
    return bytes(answer.content)


def ids_in(content: bytes) -> list[str]:
    return [json.loads(line)["task_id"] for line in content.splitlines()]


def completed_ids(client: Any) -> list[str]:
    return ids_in(client.get(f"{PROJECT}/export?format=v2&status=completed").content)


@pytest.mark.parametrize("count", COUNTS)
def test_each_task_comes_once_while_tasks_are_completed_and_corrected(stored, client, count):
    """After each partition is read two tasks are completed, and two corrected: one of those that
    were read before, if any, and one that is still to come."""
    at_planning = completed_ids(client)
    query = {"status": "completed", "completed_after": "2000-01-01"}
    partitions = plan(client, n=count, **query)
    pending = [f"task_{n:05d}" for n in range(COMPLETED + PENDING) if n % 8 in (2, 5, 7)]

    seen: list[str] = []
    for number, partition in enumerate(partitions):
        found = ids_in(read(client, partition["token"], **query))
        assert len(found) >= partition["tasks"]
        seen += found
        for task_id in (at_planning[number], at_planning[-1 - number]):
            move(stored, "correct", task_id)
        for task_id in (pending[:1], pending[-1:]):
            for one in task_id:
                pending.remove(one)
                move(stored, "complete", one)
    again = [task for one in partitions for task in ids_in(read(client, one["token"]))]

    assert len(at_planning) == sum(one["tasks"] for one in partitions) == COMPLETED
    assert len(partitions) == min(count, COMPLETED)
    assert len(set(seen)) == len(seen)
    assert set(at_planning) <= set(seen)
    assert again == completed_ids(client)


@one_engine
@pytest.mark.parametrize("name", ["trl-preference", "v2"])
def test_the_partitions_of_a_delivery_are_its_export_cut_in_pieces(
    monkeypatch, stored, client, name
):
    monkeypatch.setattr(pages, "PAGE_BYTES_MAX", 10_000)
    delivery_id = deliver(client)["id"]
    path = f"/manage/v1/deliveries/{delivery_id}"
    whole = client.get(f"{path}/export", params={"format": name}).content
    planned = [plan(client, path, n=count) for count in COUNTS]
    for task_id in ids_in(client.get(f"{path}/export?format=v2").content)[::3]:
        move(stored, "correct", task_id)

    read_at_all = [
        b"".join(read(client, one["token"], path, format=name) for one in partitions)
        for partitions in planned
    ]

    assert read_at_all == [whole] * len(COUNTS)
    assert whole.count(b"\n") == COMPLETED
    assert [len(one) for one in planned] == [1, 3, COMPLETED]
    assert [one["tasks"] for one in planned[1]] == [10, 10, 10]


def test_any_number_of_partitions_holds_what_the_export_holds(monkeypatch, stored, client):
    """By each filter, in several pages; tasks are shared out equally, a plan can be made again."""
    monkeypatch.setattr(pages, "PAGE_BYTES_MAX", 10_000)
    for query in (
        {},
        {"status": "pending"},
        {"batch": "batch_1"},
        {"batch": "batch_1", "status": "completed"},
        {"completed_before": "2999-01-01", "batch": "batch_0"},
        {"completed_after": "2999-01-01"},
        {"status": "deleted"},
    ):
        whole = client.get(f"{PROJECT}/export", params={"format": "v2"} | query).content
        for count in (1, 7, PARTITIONS_MAX):
            partitions = plan(client, n=count, **query)
            parts = [read(client, one["token"]) for one in partitions[:7]]
            sizes = [one["tasks"] for one in partitions]

            assert [part.count(b"\n") for part in parts] == sizes[:7]
            assert len(partitions) == max(1, min(count, whole.count(b"\n")))
            assert max(sizes) - min(sizes) <= 1
            assert plan(client, n=count, **query) == partitions
            if len(partitions) <= len(parts):
                assert sorted(b"".join(parts).splitlines()) == sorted(whole.splitlines())
            if count == 7 and query == {}:
                assert b"".join(parts) == whole


@one_engine
def test_a_partition_can_be_parquet_and_its_download_goes_on(stored, client):
    token = plan(client, n=2, status="completed")[1]["token"]
    asked = {"format": "tasks", "container": "parquet", "partition": token}
    whole = client.get(f"{PROJECT}/export", params=asked)
    half = len(whole.content) // 2
    headers = {"Range": f"bytes={half}-", "If-Range": whole.headers["etag"]}
    rest = client.get(f"{PROJECT}/export", params=asked, headers=headers)

    assert whole.content[:4] == b"PAR1"
    assert json.loads(whole.headers["plaudit-export"])["rows"] == COMPLETED / 2
    assert (rest.status_code, rest.content) == (206, whole.content[half:])


def test_bounds_of_completion_are_looked_at_in_pieces(monkeypatch, stored, client):
    monkeypatch.setattr(task_ranges, "SCANNED_MAX", 7)
    last = max(json.loads(one)["completed_at"] for one in _lines(client, status="completed"))
    query = {"completed_before": last}
    [partition] = plan(client, n=1, **query)

    with counting() as counter:
        found = ids_in(read(client, partition["token"], **query))

    windows = [args for text, args in counter.calls if "completed_ms + 0" in text]
    assert len(found) == partition["tasks"]
    assert len(windows) >= (COMPLETED + PENDING) / 7
    assert all(args["bound"] - args["after_seq"] <= 7 for args in windows)


def _lines(client: Any, **query: str) -> list[bytes]:
    answer = client.get(f"{PROJECT}/export", params={"format": "v2"} | query)
    return bytes(answer.content).splitlines()


def test_planning_runs_few_statements_and_reads_keys_alone(stored, client):
    texts = []
    for query in ({}, {"status": "completed"}, {"completed_after": "2000-01-01"}):
        for count in (1, 64):
            with counting() as counter:
                plan(client, n=count, **query)
            texts.append([text for text, _ in counter.calls])
            assert counter.rows_max <= count

    assert len({len(one) for one in texts}) == 1
    assert len(texts[0]) <= 8  # of which three plan, the others find key and project
    assert not [one for one in texts for text in one if "task_body" in text]


def test_conditions_on_metadata_leave_out_tasks_of_a_partition(stored, client):
    """In every order of reading, and of its own batch; the manifest says what was chosen."""
    more = [judged(100 + n, metadata={"round": n % 3}, batch="batch_1") for n in range(9)]
    assert stored.load(more)[1] == []
    for query in ({}, {"status": "completed"}, {"completed_after": "2000-01-01"}):
        partitions = plan(client, n=5, batch="batch_1", **query)
        for asked in ({"metadata": "round=2"}, {"metadata": ["round=2", "round=0"]}):
            whole = client.get(
                f"{PROJECT}/export", params={"format": "v2", "batch": "batch_1"} | query | asked
            )
            parts = [read(client, one["token"], **query, **asked) for one in partitions]

            assert sorted(ids_in(b"".join(parts))) == sorted(ids_in(whole.content))
            assert whole.content.count(b"\n") == (3 if asked["metadata"] == "round=2" else 6)
    last = partitions[-1]["token"]
    manifest = json.loads(read(client, last, part="manifest", metadata="round=2"))
    filters = manifest["filters"]
    reaches = filters.pop("partition")

    assert filters == {
        "batch": "batch_1",
        "completed_after": "2000-01-01T00:00:00.000Z",
        "metadata": ["round=2"],
    }
    assert 0 < reaches["after"] < reaches["until"]
    assert manifest["tasks"] == len(ids_in(read(client, last, metadata="round=2")))


def test_partitions_are_planned_by_metadata(stored, client):
    """They share the tasks that have it out equally, and their tokens hold the conditions."""
    more = [judged(100 + n, metadata={"round": n % 4}, batch="batch_1") for n in range(20)]
    assert stored.load(more)[1] == []
    wanted = {"metadata": ["round=2", "round=0"]}
    for query in (
        {"batch": "batch_1"},
        {"status": "completed"},
        {"completed_after": "2000-01-01", "completed_before": "2999-01-01"},
        {"completed_after": "2999-01-01"},
    ):
        asked = {"format": "v2"} | query | wanted
        whole = client.get(f"{PROJECT}/export", params=asked).content
        for count in COUNTS:
            partitions = plan(client, n=count, **query, **wanted)
            parts = [read(client, one["token"]) for one in partitions]
            sizes = [one["tasks"] for one in partitions]

            assert sorted(ids_in(b"".join(parts))) == sorted(ids_in(whole))
            assert [part.count(b"\n") for part in parts] == sizes
            assert len(sizes) == max(1, min(count, whole.count(b"\n")))
            assert max(sizes) - min(sizes) <= 1
    token = plan(client, n=2, metadata="round=1")[0]["token"]
    other = {"format": "v2", "partition": token, "metadata": "round=2"}
    same = read(client, token, metadata="round=1")

    assert same == read(client, token)
    refused = client.get(f"{PROJECT}/export", params=other)
    unread = client.get(f"{PROJECT}/partitions?metadata=round")
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_page_token")
    assert (unread.status_code, unread.json()["code"]) == (400, "invalid_parameter")


@one_engine
def test_a_token_is_refused_unless_it_is_of_what_is_read(stored, client):
    token = plan(client, n=3, status="completed", batch="batch_1")[0]["token"]
    delivery_id = deliver(client)["id"]
    delivered = plan(client, f"/manage/v1/deliveries/{delivery_id}", n=3)[0]["token"]
    stored.load([make_task("task_elsewhere", project="project_456")])
    page = client.get("/v2/tasks?project_id=project_123&limit=1").json()["next_token"]
    data = bytearray(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    data[len(data) // 2] ^= 1
    changed = base64.urlsafe_b64encode(data).rstrip(b"=").decode()
    stranger = stored.tenant()
    assert stranger.load([make_task("task_0", project="project_123")])[1] == []

    answers = {
        "changed": ask(client, changed),
        "no token": ask(client, "x"),
        "a page token": ask(client, page),
        "of a delivery": ask(client, delivered),
        "in a delivery": ask(client, token, f"/manage/v1/deliveries/{delivery_id}"),
        "another project": ask(client, token, "/manage/v1/projects/project_456"),
        "another batch": ask(client, token, batch="batch_0"),
        "another status": ask(client, token, status="pending"),
        "another time": ask(client, token, completed_after="2000-01-01"),
        "as next_token": client.get(
            "/v2/tasks", params={"project_id": "project_123", "next_token": token}
        ),
    }
    with calling(stranger, stranger.key()) as other:
        answers["another organization"] = ask(other, token)

    codes = {name: (one.status_code, one.json()["code"]) for name, one in answers.items()}
    assert codes == dict.fromkeys(answers, (400, "invalid_page_token"))
    params = {one.json()["param"] for name, one in answers.items() if name != "as next_token"}
    assert params == {"partition"}
    for one in answers.values():
        assert_is_error(400, one.headers, one.json())
    assert ask(client, token, batch="batch_1").status_code == 200


def ask(client: Any, token: str, path: str = PROJECT, **query: str) -> Any:
    return client.get(f"{path}/export", params={"format": "v2", "partition": token} | query)


@one_engine
def test_a_token_of_before_a_restore_has_expired(stored, client):
    token = plan(client, n=1)[0]["token"]
    found = page_tokens.decode(stored.secret, stored.org(), token, PartitionRange)
    earlier = PartitionRange(found.epoch + 1, None, found.where, found.after, found.until)
    answer = ask(client, page_tokens.encode(stored.secret, stored.org(), earlier))

    assert (answer.status_code, answer.json()["code"]) == (400, "page_token_expired")
    assert answer.json()["param"] == "partition"


@one_engine
@pytest.mark.parametrize("count", ["0", "4097", "many"])
def test_the_number_of_partitions_is_bounded(client, count):
    answer = client.get(f"{PROJECT}/partitions", params={"n": count})

    assert_is_error(400, answer.headers, answer.json())
    assert answer.json()["param"] == "n"


@one_engine
def test_a_project_without_tasks_has_one_partition_without_any(stored, client):
    made = client.post("/manage/v1/projects", json={"name": "Empty"}).json()
    path = f"/manage/v1/projects/{made['id']}"
    [partition] = plan(client, path, n=64)

    assert partition["tasks"] == 0
    assert read(client, partition["token"], path) == b""
    assert client.get("/manage/v1/projects/nobody/partitions").status_code == 404
    assert client.get("/manage/v1/deliveries/nobody/partitions").status_code == 404
    assert client.get(f"{PROJECT}/partitions", params={"batch": "none"}).status_code == 404


@one_engine
def test_optional_columns_stand_in_every_partition_or_in_none_if_asked(stored, client):
    """By default each file has `margin` if all of its rows have one, as a whole export does."""
    assert stored.load([chosen(90)])[1] == []
    parts = plan(client, n=2, status="completed")

    def margins(**more: str) -> list[Any]:
        texts = [read(client, one["token"], format="trl-preference", **more) for one in parts]
        return [[json.loads(row).get("margin", "-") for row in text.splitlines()] for text in texts]

    first, last = margins()
    assert {"-", None} & set(first) == set()
    assert set(last) == {"-"}
    first, last = margins(optional_columns="always")
    assert "-" not in {*first, *last}
    assert last[-1] is None
    assert None not in last[:-1]
    assert margins(optional_columns="never") == [["-"] * len(first), ["-"] * len(last)]
