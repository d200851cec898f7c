"""Attachments: kept before they are named, served by signed links, and never run by a browser."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import signal
import socket
import stat
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import httpx2
import pytest

from plaudit.api.http.streams import content_disposition
from plaudit.core.datasets import attachments
from plaudit.core.datasets.attachments import choose_display_type
from plaudit.settings import Settings
from plaudit.store.engine import connect
from tests.support.attachments import TEXT, link_of, upload
from tests.support.databases.postgres_cluster import wait_until
from tests.support.dataset_requests import content, deliver, make_dataset
from tests.support.harness import (
    World,
    above_the_store,
    on_sqlite_alone,
    one_engine,
    run_cli,
    store_arguments,
)
from tests.support.operations import assert_is_error
from tests.support.running.every_case import every_case

PNG = b"\x89PNG\r\n\x1a\n" + bytes(24)


def files_in(world: World) -> list[Path]:
    folder = world.settings.data / "attachments"
    return [one for one in sorted(folder.rglob("*")) if one.is_file()]


# What is sent


def test_a_file_is_sent_so_that_a_browser_runs_nothing_of_it(nobody, link):
    answer = nobody.get(link)

    expected = {
        "content-type": "application/octet-stream",
        "content-disposition": "attachment; filename=\"a.bin\"; filename*=UTF-8''a.bin",
        "content-security-policy": "sandbox; default-src 'none'",
        "cross-origin-resource-policy": "same-origin",
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cache-control": "private, max-age=300",
        "accept-ranges": "bytes",
        "content-length": str(len(TEXT)),
    }
    assert {name: answer.headers[name] for name in expected} == expected


SHOWN = [
    ("image/png", PNG, "image/png"),
    ("IMAGE/PNG; charset=x", PNG, "image/png"),
    (None, PNG, "image/png"),
    ("image/jpeg", b"\xff\xd8\xff\xe0", "image/jpeg"),
    ("image/jpg", b"\xff\xd8\xff\xe0", "image/jpeg"),
    ("image/gif", b"GIF89a", "image/gif"),
    ("image/webp", b"RIFF\0\0\0\0WEBP", "image/webp"),
    ("audio/wav", b"RIFF\0\0\0\0WAVE", "audio/wav"),
    ("audio/x-wav", b"RIFF\0\0\0\0WAVE", "audio/wav"),
    ("audio/mpeg", b"ID3\x04", "audio/mpeg"),
    ("audio/mp3", b"\xff\xfb\x90", "audio/mpeg"),
    ("video/mp4", b"\0\0\0\x20ftypisom", "video/mp4"),
    ("image/png", b"\xff\xd8\xff\xe0", ""),
    ("text/html", PNG, ""),
    ("image/svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg'/>", ""),
    ("image/png", b"<svg xmlns='http://www.w3.org/2000/svg'/>", ""),
    ("text/html", b"<script>alert(1)</script>", ""),
    ("application/pdf", b"%PDF-1.7", ""),
    ("application/xml", b"<?xml version='1.0'?>", ""),
    ("audio/mpeg", b"\xff\xfe<\0h\0t\0m\0l\0", ""),
    ("image/webp", b"RIFF\0\0\0\0AVI ", ""),
    ("image/png", b"", ""),
    (None, b"", ""),
    (None, b"\x89PNG", ""),
    ("image/png\r\nX: y", PNG, ""),
]


@every_case("declared, first, shown", SHOWN)
def test_only_known_media_are_shown_in_place_and_only_if_bytes_and_word_agree(
    declared, first, shown
):
    assert choose_display_type(declared, first) == shown


def test_an_image_is_shown_in_place_under_the_type_of_its_bytes(client, nobody):
    made = [upload(client, PNG, "p.png", kind) for kind in ("image/png", "text/html")]

    answers = [nobody.get(link_of(client, one)) for one in made]

    found = [
        (one.headers["content-type"], one.headers["content-disposition"].partition(";")[0])
        for one in answers
    ]
    assert found == [("image/png", "inline"), ("application/octet-stream", "attachment")]


HOSTILE = [
    "a\r\nSet-Cookie: x=1.txt",
    "a\nb",
    "a\x00b",
    'quote".txt',
    "semi;colon, comma.txt",
    "back\\slash.txt",
    "../../etc/passwd",
    "..\\..\\boot.ini",
    "C:\\evil.exe",
    "per%cent%22.txt",
    "emoji 😀.png",
    "ünïcödé.txt",
    "“smart”.txt",
    "a*b'c.txt",
    "n" * 4096,
    "\u202etxt.exe",
    "\x7f\x1b[31m",
    "",
    " ",
    ".",
]


@every_case("name", HOSTILE)
def test_no_name_breaks_out_of_its_header(name):
    value = content_disposition("attachment", name)

    assert re.fullmatch(rb"[\x20-\x7e]+", value)
    if name:
        plain, whole = re.fullmatch(
            rb"attachment; filename=\"([^\"\\/%]*)\"; filename\*=UTF-8''([\w!#$&+.^`|~%-]*)", value
        ).groups()
        assert len(plain) == len(name)
        assert unquote(whole.decode(), errors="strict") == re.sub(r"[/\\]", "_", name)


@above_the_store
@every_case("name", HOSTILE)
def test_a_hostile_name_is_refused_or_served_as_one_header_line(shared_world, shared_server, name):
    """Read from the socket, so that no client tidies the block of headers up."""
    server, before = shared_server, files_in(shared_world)
    headers = {"Authorization": f"Bearer {shared_world.key()}"}
    with httpx2.Client(base_url=server.url, headers=headers) as c:
        answer = c.post("/manage/v1/attachments", params={"name": name}, content=b"bytes")
        if answer.status_code == 400:
            assert answer.json()["code"] in ("invalid_content", "invalid_parameter")
            return
        link = link_of(c, answer.json())
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        raw.sendall(f"GET {link} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        received = b"".join(iter(lambda: raw.recv(65536), b""))

    head, _, body = received.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"HTTP/1.1 200 OK"
    assert all(re.fullmatch(rb"[a-z-]+: [\x20-\x7e]*", line) for line in lines[1:])
    assert len({line.partition(b":")[0] for line in lines[1:]}) == len(lines) - 1
    assert body == b"bytes"
    assert len(files_in(shared_world)) == len(before) + 1


@one_engine
def test_no_name_or_id_of_a_client_is_a_part_of_a_path(world, client):
    dataset = make_dataset(client)
    before = {one for one in world.settings.data.rglob("*") if "plaudit.sqlite" not in one.name}
    names = [f"{dots}{sep}x{number}" for number, (dots, sep) in enumerate(
        (dots, sep) for dots in ("..", "../..", "....//", "/", "%2e%2e", "C:", "\\\\host")
        for sep in ("/", "\\", "%2f", "／")
    )]  # fmt: skip
    files = [{"id": one, "name": one, "content": content(one.encode())} for one in names]
    tasks = [{"task_id": f"../{one}", "response": {}, "attachments": files} for one in names[:3]]

    assert deliver(client, dataset, "../../x", tasks).status_code == 200

    made = {one for one in world.settings.data.rglob("*") if "plaudit.sqlite" not in one.name}
    new = {str(one.relative_to(world.settings.data)) for one in made - before if one.is_file()}
    assert len(new) == 3 * len(names)
    assert all(re.fullmatch(r"attachments/org_\w{32}/attachment_\w{32}", one) for one in new)
    path = f"{quote(tasks[0]['task_id'], safe='')}/response_url/{quote(names[0], safe='')}"
    assert client.get(f"/v2/datasets/task/{path}").content == names[0].encode()


# Keeping


def test_what_is_uploaded_is_for_its_owner_s_eyes_and_is_described(world, client):
    made = upload(client, PNG, "p.png", "image/png")

    (kept,) = files_in(world)
    assert kept.read_bytes() == PNG
    assert stat.S_IMODE((world.settings.data / "attachments").stat().st_mode) == 0o700
    assert made["size"] == len(PNG)
    assert made["sha256"] == hashlib.sha256(PNG).hexdigest()
    assert (made["name"], made["mime_type"]) == ("p.png", "image/png")


def test_a_repeated_upload_under_its_idempotency_key_is_kept_once(world, client):
    key = {"Idempotency-Key": "once"}

    answers = [
        client.post("/manage/v1/attachments", content=body, headers=key)
        for body in (b"same", b"same", b"other")
    ]

    assert answers[0].content == answers[1].content
    assert answers[1].headers["idempotency-replayed"] == "true"
    assert answers[2].json()["code"] == "idempotency_mismatch"
    assert client.get(answers[0].json()["url"]).content == b"same"
    assert [one.read_bytes() for one in files_in(world)].count(b"same") == 1


def test_an_upload_that_is_too_large_is_refused_and_leaves_nothing(world, client, monkeypatch):
    monkeypatch.setattr(attachments, "UPLOAD_BYTES_MAX", 100_000)

    answer = client.post("/manage/v1/attachments", content=bytes(100_001))

    assert_is_error(413, answer.headers, answer.json())
    assert files_in(world) == []


def test_a_compressed_upload_is_refused(client):
    answer = client.post(
        "/manage/v1/attachments", content=b"x", headers={"Content-Encoding": "gzip"}
    )

    assert_is_error(400, answer.headers, answer.json())


def test_an_upload_that_breaks_off_leaves_nothing(world, start_server):
    server = start_server()
    head = (
        f"POST /manage/v1/attachments HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {world.key()}"
        "\r\nContent-Length: 1000000\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        raw.sendall(head.encode() + bytes(300_000))
        wait_until(lambda: bool(files_in(world)), "the file is begun")

    wait_until(lambda: not files_in(world), "nothing is left")


@one_engine
def test_a_large_file_passes_through_in_pieces(world, start_server):
    """Neither on its way in nor on its way out is it held in memory."""
    server = start_server()
    size, piece = 96 * 1024 * 1024, os.urandom(1024 * 1024)

    def resident_mb() -> int:
        text = Path(f"/proc/{server.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", text)[1]) // 1024

    def pieces():
        for _ in range(size // len(piece)):
            yield piece

    headers = {"Authorization": f"Bearer {world.key()}"}
    with httpx2.Client(base_url=server.url, headers=headers, timeout=120) as client:
        upload(client)
        before = resident_mb()
        answer = client.post("/manage/v1/attachments", content=pieces())
        assert answer.json()["size"] == size
        received = 0
        with client.stream("GET", link_of(client, answer.json())) as answer:
            for one in answer.iter_raw(1024 * 1024):
                received += len(one)

    assert received == size
    assert resident_mb() - before < 48


@one_engine
def test_a_reader_that_is_slow_holds_up_no_other(world, start_server):
    server = start_server()
    headers = {"Authorization": f"Bearer {world.key()}"}
    with httpx2.Client(base_url=server.url, headers=headers, timeout=30) as client:
        link = link_of(client, upload(client, bytes(20 * 1024 * 1024)))
        with socket.create_connection(("127.0.0.1", server.port)) as slow:
            slow.sendall(f"GET {link} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            slow.recv(1000)
            started = time.monotonic()
            assert client.get("/v2/datasets").status_code == 200
            assert time.monotonic() - started < 20


def test_a_file_that_is_gone_is_a_503_and_never_an_empty_answer(world, client, nobody):
    link = link_of(client, upload(client))
    (kept,) = files_in(world)
    kept.unlink()

    answer = nobody.get(link)

    assert_is_error(503, answer.headers, answer.json())
    assert "attachment" not in answer.json()["error"].replace("attachments", "")


@on_sqlite_alone
def test_the_bytes_are_on_disk_before_the_row_is(world, monkeypatch):
    """File, folder and their folder are synced, and only then is the store written."""
    events: list[str] = []
    real_sync, real_write = os.fsync, world.db.write

    def noted(descriptor: int) -> None:
        events.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        real_sync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    with world.client() as client:
        monkeypatch.setattr(
            type(world.db),
            "write",
            lambda self, work: (events.append("write"), real_write(work))[1],
        )
        upload(client)

    folder = world.settings.data / "attachments"
    (kept,) = files_in(world)
    at = {name: events.index(str(name)) for name in (kept, kept.parent, folder)}
    assert max(at.values()) < events.index("write")
    assert events.index(str(folder.parent)) < events.index("write")


def test_a_server_killed_between_file_and_row_shows_nothing_and_leaves_what_is_swept(
    world, start_server, tmp_path
):
    """The store is held by another writer while files are kept, and the server is killed."""
    server = start_server()
    key = world.key()
    headers = {"Authorization": f"Bearer {key}"}
    with httpx2.Client(base_url=server.url, headers=headers) as client:
        dataset = make_dataset(client)
    held, let_go = threading.Event(), threading.Event()

    async def hold(tx: Any) -> None:
        await tx.run(
            "UPDATE dataset SET name = name WHERE environment_id = :environment_id",
            {"environment_id": environment_id},
        )
        held.set()
        let_go.wait(120)

    environment_id = world.org()
    other = threading.Thread(target=lambda: asyncio.run(_write(world.settings, hold)))
    other.start()
    assert held.wait(60)

    def attempt() -> None:
        task = {"task_id": "t", "response": {}, "attachments": [{"content": content(b"orphan")}]}
        with (
            httpx2.Client(base_url=server.url, headers=headers, timeout=60) as client,
            pytest.raises(httpx2.HTTPError),
        ):
            deliver(client, dataset, "lost", [task])

    asking = threading.Thread(target=attempt)
    asking.start()
    wait_until(lambda: bool(files_in(world)), "the file is kept")
    time.sleep(0.2)
    server.process.send_signal(signal.SIGKILL)
    asking.join()
    let_go.set()
    other.join()

    (orphan,) = files_in(world)
    with world.client(key) as client:
        assert client.get("/v2/datasets/task?task_id=t").status_code == 404
        assert client.get("/v2/datasets/deliveries").json() == {"deliveries": []}
        kept = upload(client)
    arguments = ["db", "sweep", *store_arguments(world.settings)]
    assert "Deleted 0 files." in run_cli(*arguments).stdout  # it might still be written
    for one in files_in(world):
        os.utime(one, (time.time() - 90_000,) * 2)
    stranger = world.settings.data / "attachments" / "somebody" / "else"
    stranger.parent.mkdir()
    stranger.write_bytes(b"")
    os.utime(stranger, (0, 0))
    assert "Deleted 1 files." in run_cli(*arguments).stdout
    assert not orphan.exists()
    assert {one.name for one in files_in(world)} == {kept["id"], "else"}


async def _write(settings: Settings, work: Any) -> None:
    db = connect.open_database(settings)
    await db.write(work)
    await db.close()
