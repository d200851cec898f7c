"""Blob store in a folder, and in an object store that speaks S3."""

from __future__ import annotations

import asyncio
import errno
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest

from plaudit.core.datasets import attachments
from plaudit.errors import Misconfigured, Unavailable
from plaudit.settings import from_environment
from plaudit.store.datasets.blob_store import BlobStore
from tests.support.attachments import link_of, upload
from tests.support.dataset_requests import content, deliver, make_dataset
from tests.support.harness import Server, World, free_port, run_cli, store_arguments
from tests.transfer.test_archive_datasets import EVERYTHING, lines_of, load


class S3(ThreadingHTTPServer):
    """As much of S3 as is asked of it: objects, parts, ranges, listings. Any signature will do."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Requests)
        self.objects: dict[str, bytes] = {}
        self.parts: dict[str, dict[int, bytes]] = {}
        self.asked: list[str] = []
        self.is_down = False


class _Requests(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: S3

    def log_message(self, *_: Any) -> None:
        pass

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path, _, query = self.path.partition("?")
        self.server.asked.append(f"{self.command} {self.path}")
        assert "AWS4-HMAC-SHA256" in self.headers["Authorization"]
        key = path.removeprefix("/bucket/")
        if self.server.is_down:
            self._answer(403, b"<Error><Code>AccessDenied</Code></Error>")
        else:
            getattr(self, f"_{self.command.lower()}")(key, query, body)

    do_GET = do_PUT = do_POST = _handle

    def _put(self, key: str, query: str, body: bytes) -> None:
        part = re.search(r"partNumber=(\d+)&uploadId=(\w+)", query)
        if part:
            self.server.parts[part[2]][int(part[1])] = body
        else:
            self.server.objects[key] = body
        self._answer(200, ETag='"e"')

    def _post(self, key: str, query: str, body: bytes) -> None:
        if query.startswith("uploads"):
            number = f"u{len(self.server.parts)}"
            self.server.parts[number] = {}
            self._answer(200, (
                f"<InitiateMultipartUploadResult><UploadId>{number}</UploadId>"
                "</InitiateMultipartUploadResult>"
            ).encode())  # fmt: skip
            return
        if query == "delete":
            gone = re.findall("<Key>(.*?)</Key>", body.decode())
            for one in gone:
                self.server.objects.pop(one, None)
            named = "".join(f"<Deleted><Key>{one}</Key></Deleted>" for one in gone)
            self._answer(200, f"<DeleteResult>{named}</DeleteResult>".encode())
            return
        parts = self.server.parts.pop(query.partition("uploadId=")[2])
        self.server.objects[key] = b"".join(parts[number] for number in sorted(parts))
        self._answer(200, b"<CompleteMultipartUploadResult><ETag>e</ETag>"
                          b"</CompleteMultipartUploadResult>")  # fmt: skip

    def _get(self, key: str, query: str, body: bytes) -> None:
        when = "2020-01-01T00:00:00.000Z"
        if "list-type" in query:
            items = "".join(
                f"<Contents><Key>{one}</Key><LastModified>{when}</LastModified>"
                f"<Size>{len(data)}</Size></Contents>"
                for one, data in self.server.objects.items()
            )
            self._answer(200, f"<ListBucketResult>{items}</ListBucketResult>".encode())
            return
        if key not in self.server.objects:
            self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
            return
        whole, modified = self.server.objects[key], "Wed, 01 Jan 2020 00:00:00 GMT"
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if wanted is None:
            self._answer(200, whole, ETag='"e"', Last_Modified=modified)
            return
        start, end = int(wanted[1]), min(int(wanted[2]), len(whole) - 1)
        self._answer(206, whole[start : end + 1], ETag='"e"', Last_Modified=modified,
                     Content_Range=f"bytes {start}-{end}/{len(whole)}")  # fmt: skip


@pytest.fixture
def s3(monkeypatch) -> Iterator[S3]:
    server = S3()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    variables = {
        "AWS_ENDPOINT": f"http://127.0.0.1:{server.server_address[1]}",
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "id",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "somewhere",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def remote(settings, s3) -> Iterator[World]:
    """A world whose attachments lie in an object store."""
    world = World(msgspec.structs.replace(settings, attachments="s3://bucket/plaudit"))
    world.org()
    yield world
    world.close()


def test_files_go_to_an_object_store_and_come_from_it(remote, s3):
    with remote.client() as client:
        dataset = make_dataset(client)
        file = {"id": "f", "content": content(b"small")}
        deliver(client, dataset, tasks=[{"task_id": "t", "response": {}, "attachments": [file]}])
        large = upload(client, bytes(7 * 1024 * 1024) + b"end")
        link = link_of(client, large)

        small = client.get("/v2/datasets/task/t/response_url/f")
        part = client.get(link, headers={"Range": "bytes=-3"})
        whole = client.get(link)

    assert small.content == b"small"
    assert (part.status_code, part.content) == (206, b"end")
    assert whole.content == bytes(7 * 1024 * 1024) + b"end"
    assert all(re.fullmatch(r"plaudit/org_\w+/attachment_\w+", key) for key in s3.objects)
    assert len(s3.objects) == 2
    assert not (remote.settings.data / "attachments").exists()


def test_an_object_store_that_refuses_is_a_503_and_nothing_is_half_done(remote, s3):
    with remote.client() as client:
        link = link_of(client, upload(client))
        dataset = make_dataset(client)
        s3.is_down = True
        task = {"task_id": "t", "response": {}, "attachments": [{"content": "QQ=="}]}
        answers = [
            client.get(link),
            client.post("/manage/v1/attachments", content=b"x"),
            deliver(client, dataset, tasks=[task]),
        ]
        s3.is_down = False

        assert [answer.status_code for answer in answers] == [503] * 3
        assert all("AccessDenied" not in answer.text for answer in answers)
        assert client.get("/v2/datasets/task?task_id=t").status_code == 404
        assert client.get(link).status_code == 200


def test_an_object_store_that_refuses_turns_readiness_and_is_told_in_one_line(remote, s3):
    with remote.client() as client:
        before = client.get("/readyz")
    s3.is_down = True
    with remote.client() as client:  # another application, which has not asked yet
        after = client.get("/readyz")
    with pytest.raises(Unavailable) as told:
        remote.run(remote.objects.read("org/attachment", 1))

    assert (before.status_code, after.status_code) == (200, 503)
    assert "AccessDenied" not in after.text
    assert told.value.detail is not None
    assert "AccessDenied" in told.value.detail
    assert "\n" not in told.value.detail
    assert "{" not in told.value.detail


def test_an_object_store_that_is_down_is_told_in_one_line_by_commands_too(world, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("AWS_REGION", "somewhere")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")

    done = run_cli(
        "db", "sweep", *store_arguments(world.settings), PLAUDIT_ATTACHMENTS="s3://bucket/x"
    )

    assert done.returncode == 1
    assert done.stderr.startswith("plaudit: attachments cannot be reached now (")
    assert "onnection refused" in done.stderr
    assert done.stderr.count("\n") == 1


def test_readiness_asks_an_object_store_once_in_a_while(remote, s3):
    with remote.client() as client:
        answers = [client.get("/readyz").status_code for _ in range(5)]

    assert answers == [200] * 5
    assert len([one for one in s3.asked if "list-type" in one]) == 1


def test_an_object_store_is_swept_of_what_no_row_names(remote, s3):
    with remote.client() as client:
        kept = upload(client)
    environment_id = remote.org()
    s3.objects |= {
        f"plaudit/{environment_id}/attachment_x": b"orphan",
        "plaudit/org_other/x": b"theirs",
    }

    deleted = remote.run(attachments.sweep(remote.db, remote.objects))

    assert deleted == 1
    assert set(s3.objects) == {f"plaudit/{environment_id}/{kept['id']}", "plaudit/org_other/x"}


def test_archives_carry_files_from_an_object_store_to_a_folder(remote, s3, tmp_path):
    load(remote, EVERYTHING)
    lines = lines_of(remote)
    remote.objects = BlobStore(str(tmp_path / "elsewhere"))
    load(remote, lines, "fresh")

    assert lines_of(remote, "fresh") == lines


@pytest.mark.parametrize("form", ["{}", "file://{}", "file://localhost{}"])
def test_a_folder_may_be_named_as_a_path_or_a_url(settings, tmp_path, form):
    place = tmp_path / "a folder"
    text = form.format(str(place).replace(" ", "%20") if "file" in form else place)
    world = World(msgspec.structs.replace(settings, attachments=text))
    world.org()

    with world.client() as client:
        kept = upload(client, b"here")
    world.close()

    (file,) = [one for one in place.rglob("*") if one.is_file()]
    assert (file.name, file.read_bytes()) == (kept["id"], b"here")


@pytest.mark.parametrize(
    "place",
    ["http://example.com/x", "ftp://x", "s3://", "memory:///", "file://host/x", "file://x"],
)
def test_a_place_that_cannot_be_one_is_refused_at_the_start(place):
    with pytest.raises(Misconfigured):
        BlobStore(place)


@pytest.mark.parametrize("is_other_disk", [False, True])
def test_a_file_becomes_a_blob_also_on_another_disk(tmp_path, monkeypatch, is_other_disk):
    path, store = tmp_path / "made", BlobStore(str(tmp_path / "blobs"))
    path.write_bytes(b"rows")
    if is_other_disk:
        monkeypatch.setattr(type(path), "replace", _of_another_disk)

    store.move_blocking("org/export", path)

    assert asyncio.run(store.read("org/export", 4)) == b"rows"
    assert path.exists() is is_other_disk


def _of_another_disk(path: Path, target: Path) -> None:
    raise OSError(errno.EXDEV, "Invalid cross-device link")


def test_a_folder_that_cannot_be_made_is_a_503(settings, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    world = World(msgspec.structs.replace(settings, attachments=str(tmp_path / "file" / "x")))
    world.org()

    with world.client() as client:
        answer = client.post("/manage/v1/attachments", content=b"x")
        ready = client.get("/readyz")
    world.close()

    assert [answer.status_code, ready.status_code] == [503, 503]
    assert str(tmp_path) not in answer.text + ready.text


def test_the_place_is_a_setting_whose_default_lies_beside_the_store(tmp_path):
    assert from_environment({}).attachments_location == "plaudit-data/attachments"
    chosen = {"PLAUDIT_DATA": str(tmp_path), "PLAUDIT_ATTACHMENTS": "gs://bucket"}
    assert from_environment(chosen).attachments_location == "gs://bucket"
    assert from_environment(chosen | {"PLAUDIT_ATTACHMENTS": ""}).attachments_location == str(
        tmp_path / "attachments"
    )


def test_a_running_server_takes_the_place_from_its_environment(world, start_server, tmp_path):
    server: Server = start_server(PLAUDIT_ATTACHMENTS=str(tmp_path / "there"))
    headers = {"Authorization": f"Bearer {world.key()}"}
    with httpx2.Client(base_url=server.url, headers=headers) as client:
        kept = upload(client, b"here")
        assert client.get(link_of(client, kept)).content == b"here"

    assert [one.name for one in (tmp_path / "there").rglob("attachment_*")] == [kept["id"]]
