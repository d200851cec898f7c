"""Readers of partitions for Spark and Ray, without these: what they read from a real server."""

from __future__ import annotations

import datetime as dt
import io
import itertools
import pickle
from typing import Any

import httpx2
import pyarrow
import pyarrow.parquet
import pytest

from plaudit.formats.exporting.registry import EXPORT_FORMATS
from plaudit.partitioned import transport
from plaudit.partitioned.export import PartitionedExport, conform
from plaudit.partitioned.pushdown import ColumnTest, push_down
from plaudit.partitioned.sample import estimate_bytes
from plaudit.partitioned.transport import ATTEMPTS_MAX, ExportTransport, ReadFailed
from tests.support.builders import make_task
from tests.support.network.faulty_proxy import Cut, Refusal, faulty_proxy
from tests.support.network.odd_server import OddServer, answered
from tests.transfer.judged_exports import judged
from tests.transfer.test_partitions import chosen

COMPLETED = 30
FOR_PEOPLE = ("csv", "xlsx")


@pytest.fixture(scope="module")
def shared_engine():
    """One engine: partitions are tested on both, and readers speak to the server alone."""
    return "sqlite"


@pytest.fixture(scope="module")
def stored(shared_world):
    """Thirty judged tasks of a batch, one without a strength, in a delivery "May"; and three
    pending ones of another batch."""
    rows = [judged(n, 1 + n % 3, batch="batch_1", metadata={"n": n}) for n in range(1, COMPLETED)]
    rows.append(chosen(0, batch="batch_1"))
    rows += [make_task(f"task_open_{n}", status="pending", batch="batch_2") for n in range(3)]
    assert shared_world.load(rows)[1] == []
    with shared_world.client() as client:
        made = client.post("/manage/v1/projects/project_123/deliveries", json={"name": "May"})
    assert made.status_code == 200
    return shared_world


@pytest.fixture(scope="module")
def place(stored, shared_server):
    """Options that say where the server is."""
    key = stored.key(role="read")
    return {"url": shared_server.url, "key": key, "project": "project_123"}


@pytest.fixture
def no_waiting(monkeypatch):
    """Seconds that readers would have waited between two requests."""
    waited: list[float] = []
    monkeypatch.setattr(transport.time, "sleep", waited.append)
    return waited


def rows_of(export: PartitionedExport, count: int = 4) -> list[dict[str, Any]]:
    """Rows of all partitions."""
    batches = [batch for one in export.plan(count) for batch in export.read(one)]
    assert all(batch.schema.equals(export.schema) for batch in batches)
    return [row for batch in batches for row in batch.to_pylist()]


def export_of(place: dict[str, str], **options: Any) -> PartitionedExport:
    return PartitionedExport.of(place | {"format": "tasks"} | options)


def whole(place: dict[str, str], **query: str) -> bytes:
    answer = httpx2.get(
        f"{place['url']}/manage/v1/projects/project_123/export",
        params=query,
        headers={"Authorization": f"Bearer {place['key']}"},
        timeout=30,
    )
    assert answer.status_code == 200, answer.text
    return answer.content


@pytest.mark.parametrize(
    "asked", ["n=3", ["n=3", "n=4"], '["n=3", "n=4"]'], ids=["one", "several", "several as JSON"]
)
def test_readers_ask_for_metadata(place, asked):
    found = {row["task_id"] for row in rows_of(export_of(place, metadata=asked))}

    assert found == {"task_00003"} | (set() if asked == "n=3" else {"task_00004"})


def test_a_reader_of_a_delivery_takes_no_metadata(place):
    with pytest.raises(ReadFailed, match="leave metadata out"):
        export_of(place, delivery="May", metadata="n=3")


@pytest.mark.parametrize("name", [one for one in EXPORT_FORMATS if one not in FOR_PEOPLE])
def test_every_format_is_read_as_its_export_has_it(place, name):
    export = export_of(place, format=name, pairs="all")
    query = {"format": name, "pairs": "all", "optional_columns": "always"}
    found = rows_of(export, 2)

    if export.container == "parquet":
        content = whole(place, container="parquet", **query)
        assert found == pyarrow.parquet.read_table(io.BytesIO(content)).to_pylist()
    else:
        lines = whole(place, container="jsonl", **query).decode().splitlines()
        assert len(found) == len(lines)
        if name == "v2":
            assert [row["value"] for row in found] == lines


@pytest.mark.parametrize("name", FOR_PEOPLE)
def test_formats_for_people_are_refused(place, name):
    with pytest.raises(ReadFailed, match="for people"):
        export_of(place, format=name)


def test_a_project_and_a_delivery_are_named_or_identified(stored, place):
    with stored.client() as client:
        [delivery] = client.get("/v2/deliveries?project_id=project_123").json()["deliveries"]
        name = client.get("/v2/project?project_id=project_123").json()["name"]
    by_id = {one: place[one] for one in ("url", "key")} | {"delivery": delivery["id"]}

    assert len(rows_of(export_of(place | {"project": name}))) == COMPLETED + 3
    for options in (by_id, {"delivery": "May"} | place, {"delivery": delivery["id"]} | place):
        assert len(rows_of(export_of(options))) == COMPLETED
    for options, words in (({"project": "none"}, "project"), ({"delivery": "none"}, "delivery")):
        with pytest.raises(ReadFailed, match=f"no {words} 'none'"):
            export_of(place | options).plan(2)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"format": "pickle"}, "no format pickle"),
        ({"form": "x"}, "no option form"),
        ({"key": ""}, "option key is missing"),
        ({"project": ""}, "option project is missing"),
        ({"delivery": "May", "status": "completed"}, "leave status out"),
    ],
)
def test_options_that_say_nothing_are_refused(place, options, words):
    with pytest.raises(ReadFailed, match=words):
        export_of(place, **options)


def test_what_the_server_refuses_is_told_without_the_key(place):
    with pytest.raises(ReadFailed, match="status 400, status must be one of") as refused:
        export_of(place, status="odd").plan(2)
    assert place["key"] not in str(refused.value)

    with pytest.raises(ReadFailed, match="status 401") as refused:
        export_of(place | {"key": "live_" + "x" * 40}).plan(2)
    assert "xxxx" not in str(refused.value)


def test_an_export_travels_to_other_machines_and_shows_no_key(place):
    export = export_of(place, status="completed")
    sent = pickle.loads(pickle.dumps((export, export.plan(2))))

    assert place["key"] not in repr(export)
    assert sent[0] == export
    assert sum(batch.num_rows for one in sent[1] for batch in sent[0].read(one)) == COMPLETED
    pickle.loads(pickle.dumps(ReadFailed("words")))


def test_a_busy_server_is_asked_again_when_it_says(place, no_waiting):
    with faulty_proxy(place["url"]) as proxy:
        proxy.faults = [Refusal(503, "7"), Cut(None), Refusal(429, "2"), None, Refusal(502), None]
        found = rows_of(export_of(place | {"url": proxy.url}), 1)

    assert len(found) == COMPLETED + 3
    assert len(no_waiting) == 4
    asked = zip(no_waiting[::2], (7, 2), strict=True)
    assert all(seconds <= waited <= seconds + 1 for waited, seconds in asked)
    assert 0.5 <= no_waiting[1] < 2.5


def test_a_broken_download_goes_on_where_it_was(place, no_waiting):
    export = export_of(place, format="v2")
    expected = rows_of(export, 1)
    with faulty_proxy(place["url"]) as proxy:
        [partition] = export.plan(1)
        proxy.faults = [Cut(1000), Refusal(503), Cut(2500), Cut(0)]
        broken = PartitionedExport.of(place | {"url": proxy.url, "format": "v2"})
        found = [row for batch in broken.read(partition) for row in batch.to_pylist()]

    ranges = [headers.get("range") for _, headers in proxy.requests]
    assert found == expected
    assert ranges == [None, "bytes=1000-", "bytes=1000-", "bytes=3500-", "bytes=3500-"]
    assert len({headers.get("if-range") for _, headers in proxy.requests[1:]}) == 1


def test_a_file_that_has_changed_meanwhile_is_read_from_its_beginning(
    tmp_path, stored, shared_server, no_waiting
):
    tenant = stored.tenant()
    assert tenant.load([judged(n, project="project_9") for n in range(3)])[1] == []
    place = {"url": shared_server.url, "key": tenant.key(), "project": "project_9"}
    [partition] = export_of(place, format="v2").plan(1)
    kept = transport._wait

    def change(*args: Any, **options: Any) -> None:
        kept(*args, **options)
        for one in (stored.settings.data / "attachments").rglob("export-*"):
            one.unlink()
        with tenant.client() as client:
            body = {"task_id": "task_00001", "metadata": {"new": True}}
            assert client.post("/v2/task/metadata", json=body).status_code == 200

    with pytest.MonkeyPatch.context() as patch, faulty_proxy(place["url"]) as proxy:
        patch.setattr(transport, "_wait", change)
        proxy.faults = [Cut(900)]
        export = export_of(place | {"url": proxy.url}, format="v2")
        found = [row["value"] for batch in export.read(partition) for row in batch.to_pylist()]

    assert [headers.get("range") for _, headers in proxy.requests] == [None, "bytes=900-"]
    assert len(found) == 3
    assert '"metadata":{"new":true}' in found[1]


def test_a_server_that_never_answers_is_given_up(place, no_waiting):
    with faulty_proxy(place["url"]) as proxy:
        export = export_of(place | {"url": proxy.url})
        for faults in ([Refusal(503)] * ATTEMPTS_MAX, [Cut(None)] * ATTEMPTS_MAX):
            proxy.faults = [*faults]
            with pytest.raises(ReadFailed, match="given up"):
                export.plan(1)
        [partition] = export.plan(1)
        proxy.faults = list(itertools.repeat(Cut(0), ATTEMPTS_MAX))
        with pytest.raises(ReadFailed, match="given up"):
            list(export.read(partition))

    assert max(no_waiting) < 60


def test_filters_of_a_query_are_asked_of_the_server(place):
    export = export_of(place)
    day = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
    pushed = push_down(
        export,
        [
            ColumnTest("status", "=", "completed"),
            ColumnTest("batch", "=", "batch_1"),
            ColumnTest("completed_at", ">=", day),
            ColumnTest("completed_at", ">", day - dt.timedelta(days=1)),
            ColumnTest("completed_at", "<", day.replace(year=2099)),
            ColumnTest("turns", "=", 1),
        ],
    )

    assert pushed.filters == {
        "status": "completed",
        "batch": "batch_1",
        "completed_after": "2024-12-31T23:59:59.999000+00:00",
        "completed_before": "2099-01-01T00:00:00+00:00",
    }
    assert sum(one.tasks for one in pushed.plan(3)) == COMPLETED
    assert len(rows_of(pushed)) == COMPLETED


def test_what_the_server_could_take_for_something_else_is_left_to_the_query(place):
    """A batch that is not there would be refused, and so would a status; names come before ids."""
    own = {"status": "pending", "completed_after": "2025-06-01"}
    day = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
    for export, test in (
        (export_of(place), ColumnTest("batch", "=", "nothing")),
        (export_of(place), ColumnTest("batch", ">", "batch_1")),
        (export_of(place), ColumnTest("status", "=", "odd")),
        (export_of(place), ColumnTest("completed_at", ">", "2025-01-01")),
        (export_of(place, **own), ColumnTest("status", "=", "completed")),
        (export_of(place, delivery="May"), ColumnTest("status", "=", "pending")),
        (export_of(place, format="messages"), ColumnTest("completed_at", ">", day)),
    ):
        assert push_down(export, [test]) == export

    kept = push_down(export_of(place, **own), [ColumnTest("completed_at", ">", day)])
    assert kept.filters["completed_after"].startswith("2025-06-01")


def test_a_size_is_estimated_from_a_few_tasks(place, monkeypatch):
    monkeypatch.setattr("plaudit.partitioned.sample.SAMPLE_TASKS", 5)
    export = export_of(place, status="completed")
    size = sum(batch.nbytes for one in export.plan(1) for batch in export.read(one))

    estimated = estimate_bytes(export)

    assert estimated is not None
    assert size / 2 < estimated < size * 3
    assert estimate_bytes(export_of(place, completed_after="2999-01-01")) is None


def test_columns_of_another_version_are_brought_into_order():
    batch = pyarrow.record_batch({"b": pyarrow.array([1, 2], pyarrow.int32()), "extra": ["x", "y"]})
    schema = pyarrow.schema([("a", pyarrow.string()), ("b", pyarrow.int64())])

    assert conform(batch, schema).to_pylist() == [{"a": None, "b": 1}, {"a": None, "b": 2}]
    assert conform(batch, schema).schema == schema


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ftp://host", "http://host:99999"])
def test_a_url_that_leads_to_no_server_is_refused_at_once(url, no_waiting):
    with pytest.raises(ReadFailed, match="url"):
        export_of({"url": url, "key": "k", "project": "p"}).plan(1)

    assert no_waiting == []


def test_a_server_of_another_kind_is_an_error_of_the_reader():
    with OddServer(
        lambda number, head: answered(b"<html>" if not number else {"id": "p"})
    ) as server:
        for words in ("no JSON", "no list of partitions"):
            with pytest.raises(ReadFailed, match=f"the answer is {words}"):
                export_of({"url": server.url, "key": "k", "project": "p"}).plan(1)


def test_a_download_that_broke_off_after_its_last_byte_is_made_again(no_waiting):
    head = b'HTTP/1.1 200 Said\r\netag: "1"\r\ntransfer-encoding: chunked\r\n\r\n'
    answers = [
        head.replace(b"etag", b"x-cut: 1\r\netag") + b"4\r\nrow\n\r\n",
        b"HTTP/1.1 416 Said\r\ncontent-length: 0\r\n\r\n",
        head + b"4\r\nrow\n\r\n0\r\n\r\n",
    ]
    file = io.BytesIO()
    with (
        OddServer(lambda number, head: answers[number]) as server,
        ExportTransport(server.url, "k") as reader,
    ):
        reader.download("/export", file)

    assert file.getvalue() == b"row\n"
    assert [b"range: bytes=4-" in head.lower() for head in server.heads] == [False, True, False]
