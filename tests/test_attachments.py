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
import msgspec
import pytest

from harness import World, on_sqlite_alone, run_cli, store_arguments
from plaudit import clock
from plaudit.api.streams import content_disposition
from plaudit.core import attachments, secrets
from plaudit.core.attachments import LINK_SECONDS, shown_as
from plaudit.settings import Settings
from plaudit.store import opening
from sweeping import assert_is_error, comparable
from test_datasets import content, deliver, make_dataset

PNG = b"\x89PNG\r\n\x1a\n" + bytes(24)
TEXT = bytes(range(256)) * 4


def upload(client, body: bytes = TEXT, name: str = "a.bin", kind: str = "text/plain") -> Any:
    """What an upload is answered with."""
    answer = client.post(
        "/manage/v1/attachments", params={"name": name}, content=body,
        headers={"Content-Type": kind},
    )  # fmt: skip
    assert answer.status_code == 200, answer.text
    return answer.json()


def link_of(client, attachment: Any) -> str:
    """A fresh link to an upload."""
    answer = client.get(f"/manage/v1/attachments/{attachment['id']}", follow_redirects=False)
    assert answer.status_code == 302
    return answer.headers["location"]


@pytest.fixture
def link(client) -> str:
    return link_of(client, upload(client))


@pytest.fixture
def nobody(world):
    """A client without a key."""
    with world.client() as client:
        del client.headers["Authorization"]
        yield client


def files_in(world: World) -> list[Path]:
    folder = world.settings.data / "attachments"
    return [one for one in sorted(folder.rglob("*")) if one.is_file()]


# Links


def test_a_link_leads_to_the_bytes_with_a_key_with_another_s_and_with_none(
    world, client, nobody, link
):
    with world.client(world.key("stranger")) as stranger:
        answers = [one.get(link) for one in (client, nobody, stranger)]

    assert [answer.content for answer in answers] == [TEXT] * 3


def test_a_link_is_for_five_minutes(client, nobody, link, monkeypatch):
    expires = int(re.search(r"expires=(\d+)", link)[1])
    moment = clock.now_ms()
    assert 0 < expires * 1000 - moment <= LINK_SECONDS * 1000

    monkeypatch.setattr(clock, "now_ms", lambda: expires * 1000 - 1)
    before = nobody.get(link)
    monkeypatch.setattr(clock, "now_ms", lambda: expires * 1000)
    after = nobody.get(link)

    assert (before.status_code, after.status_code) == (200, 404)


def defects(link: str) -> list[str]:
    """Links that differ from a good one by one thing."""
    path, _, query = link.partition("?")
    expires, signature = re.fullmatch(r"expires=(\d+)&signature=(\w+)", query).groups()
    later = str(int(expires) + 1)
    codes = [signature.upper(), signature[:-1], signature + "0", "", "0" * 64, "é" * 64]
    moments = [later, "0", "-1", "", "x", "0" + expires, "+" + expires, "٣" * 10, "9" * 400]
    found = [f"{path}?expires={expires}&signature={one}" for one in codes]
    found += [f"{path}?expires={one}&signature={signature}" for one in moments]
    found += [path, f"{path}x?{query}", f"{path[:-1]}?{query}", f"{path}%2F?{query}"]
    return [*found, f"/attachments/attachment_nobody?{query}", f"/attachments/..%2Fx?{query}"]


def test_whatever_is_wrong_with_a_link_the_answer_is_the_same(nobody, link):
    pinned = {"X-Request-Id": "pinned"}

    answers = [nobody.get(one, headers=pinned) for one in defects(link)]

    assert {answer.status_code for answer in answers} == {404}
    assert len({str(comparable(answer)) for answer in answers}) == 1
    assert_is_error(404, answers[0].headers, answers[0].json())


def test_every_flipped_bit_of_a_signature_is_refused(nobody, link):
    start, _, signature = link.rpartition("=")
    good = bytes.fromhex(signature)
    for bit in range(len(good) * 8):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        assert nobody.get(f"{start}={bad.hex()}").status_code == 404
    assert nobody.get(link).status_code == 200


def test_a_signature_is_for_one_attachment_of_one_organization_until_one_moment(
    world, client, nobody
):
    ours, other = upload(client), upload(client)
    with world.client(world.key("stranger")) as stranger:
        theirs = link_of(stranger, upload(stranger))
    links = {one["id"]: link_of(client, one) for one in (ours, other)}

    crossed = [
        links[ours["id"]].replace(ours["id"], other["id"]),
        theirs.replace(re.search(r"attachment_\w+", theirs)[0], ours["id"]),
    ]

    assert [nobody.get(one).status_code for one in crossed] == [404, 404]
    row = world.run(found_by_id(world, ours["id"]))
    # Even whoever could have the server sign for another world gets nothing of this one.
    forged = attachments.link(world.secret, msgspec.structs.replace(row, org_id="org_other"))
    assert nobody.get(forged).status_code == 404
    assert nobody.get(attachments.link(world.secret, row)).status_code == 200


async def found_by_id(world: World, attachment_id: str) -> Any:
    async with world.db.read() as tx:
        return await attachments.attachments.find_attachment_of_any_world(tx, attachment_id)


def test_links_of_an_older_secret_are_honoured_and_those_of_another_are_not(world, client):
    made = link_of(client, upload(client))
    row = world.run(found_by_id(world, re.search(r"attachment_\w+", made)[0]))
    path = world.settings.secret_path
    foreign = attachments.link(secrets.ServerSecret([bytes(range(32))]), row)
    path.write_text(f"{'ab' * 16}{bytes(range(16)).hex()}\n{path.read_text()}")
    rotated = World(world.settings)

    with rotated.client() as later:
        answers = [
            later.get(made),
            later.get(foreign),
            later.get(link_of(later, {"id": row.attachment_id})),
        ]
    rotated.close()

    assert [answer.status_code for answer in answers] == [200, 404, 200]


def test_the_link_of_a_task_s_file_takes_slashes_in_ids(client):
    dataset = make_dataset(client)
    file = {"id": "charts/1 ü?#%2F", "name": "c.txt", "content": content(b"bytes")}
    deliver(client, dataset, tasks=[{"task_id": "a/b c", "response": {}, "attachments": [file]}])

    path = "/v2/datasets/task/a%2Fb%20c/response_url/charts%2F1%20%C3%BC%3F%23%252F"
    answer = client.get(path)

    assert (answer.status_code, answer.content) == (200, b"bytes")
    assert client.get(path.replace("%2F", "/")).status_code == 404
    for wrong in ("a%2Fb%20c/response_url/x", "x/response_url/charts%2F1"):
        missing = client.get(f"/v2/datasets/task/{wrong}")
        assert_is_error(404, missing.headers, missing.json())


def test_behind_a_path_the_redirect_leads_below_it(settings):
    below = msgspec.structs.replace(settings, public_url="https://example.com/plaudit/")
    world = World(below)
    world.org()
    with world.client() as client:
        kept = upload(client)
        location = link_of(client, kept)
    world.close()

    assert location.startswith(f"/plaudit/attachments/{kept['id']}?expires=")
    assert kept["url"] == f"https://example.com/plaudit/manage/v1/attachments/{kept['id']}"


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


@pytest.mark.parametrize(("declared", "first", "shown"), SHOWN)
def test_only_known_media_are_shown_in_place_and_only_if_bytes_and_word_agree(
    declared, first, shown
):
    assert shown_as(declared, first) == shown


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


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_no_name_breaks_out_of_its_header(name):
    value = content_disposition("attachment", name)

    assert re.fullmatch(rb"[\x20-\x7e]+", value)
    if name:
        plain, whole = re.fullmatch(
            rb"attachment; filename=\"([^\"\\/%]*)\"; filename\*=UTF-8''([\w!#$&+.^`|~%-]*)", value
        ).groups()
        assert len(plain) == len(name)
        assert unquote(whole.decode(), errors="strict") == re.sub(r"[/\\]", "_", name)


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_name_is_refused_or_served_as_one_header_line(world, start_server, name):
    """Read from the socket, so that no client tidies the block of headers up."""
    server = start_server()
    with httpx2.Client(
        base_url=server.url, headers={"Authorization": f"Bearer {world.key()}"}
    ) as c:
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
    assert len(files_in(world)) == 1


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


# Ranges

SIZE = len(TEXT)
RANGES = [
    ("bytes=0-0", 0, 1),
    ("bytes=0-", 0, SIZE),
    ("bytes=5-9", 5, 10),
    ("bytes = 5 - 9 ", 5, 10),
    ("BYTES=5-9", 5, 10),
    (f"bytes={SIZE - 1}-", SIZE - 1, SIZE),
    (f"bytes=10-{SIZE + 100}", 10, SIZE),
    ("bytes=10-999999999999999999", 10, SIZE),
    ("bytes=-1", SIZE - 1, SIZE),
    (f"bytes=-{SIZE}", 0, SIZE),
    (f"bytes=-{SIZE + 5}", 0, SIZE),
]
WHOLE = [
    "",
    "bytes",
    "bytes=",
    "bytes=-",
    "bytes=5",
    "bytes=9-5",
    "bytes=a-b",
    "bytes=0-1,4-5",
    "bytes=0-1,",
    "bytes=--5",
    "bytes=-5-",
    "bytes=5--9",
    "items=0-1",
    "bytes=0-9999999999999999999999",
    "bytes=٣-٤",
    "bytes=0x1-0x2",
]
OUTSIDE = [f"bytes={SIZE}-", f"bytes={SIZE}-{SIZE + 1}", "bytes=999999999999-", "bytes=-0"]


@pytest.mark.parametrize(("value", "start", "end"), RANGES)
def test_a_range_gets_its_bytes(nobody, link, value, start, end):
    answer = nobody.get(link, headers={"Range": value})

    assert answer.status_code == 206
    assert answer.content == TEXT[start:end]
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{SIZE}"
    assert answer.headers["content-length"] == str(end - start)


@pytest.mark.parametrize("value", WHOLE)
def test_what_is_not_one_range_gets_the_whole(nobody, link, value):
    answer = nobody.get(link, headers={"Range": value.encode("utf-8")})

    assert (answer.status_code, answer.content) == (200, TEXT)
    assert "content-range" not in answer.headers


@pytest.mark.parametrize("value", OUTSIDE)
def test_a_range_without_a_byte_is_a_416_that_says_how_many_there_are(nobody, link, value):
    answer = nobody.get(link, headers={"Range": value})

    assert_is_error(416, answer.headers, answer.json())
    assert answer.headers["content-range"] == f"bytes */{SIZE}"


def test_if_range_gives_the_part_of_the_same_file_and_the_whole_of_another(nobody, link):
    etag = nobody.get(link).headers["etag"]
    given = [etag, '"other"', f"W/{etag}", "Wed, 01 Jan 2025 00:00:00 GMT", ""]

    answers = [nobody.get(link, headers={"Range": "bytes=0-3", "If-Range": one}) for one in given]

    assert [answer.status_code for answer in answers] == [206, 200, 200, 200, 200]


def test_head_says_the_same_without_the_bytes(nobody, link):
    whole, head = nobody.get(link), nobody.head(link, headers={"Range": "bytes=0-3"})

    drop = {"x-request-id"}
    assert head.content == b""
    assert {k: v for k, v in head.headers.items() if k not in drop} == {
        k: v for k, v in whole.headers.items() if k not in drop
    }


def test_an_empty_file_is_served_and_has_no_range(client, nobody):
    link = link_of(client, upload(client, b""))

    whole, part = nobody.get(link), nobody.get(link, headers={"Range": "bytes=0-"})

    assert (whole.status_code, whole.content) == (200, b"")
    assert (part.status_code, part.headers["content-range"]) == (416, "bytes */0")


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
        time.sleep(0.3)

    time.sleep(0.5)
    assert [one.name for one in files_in(world)] == []


def test_a_large_file_passes_through_in_pieces(world, start_server):
    """Neither on its way in nor on its way out is it held in memory."""
    server = start_server()
    size, piece = 200 * 1024 * 1024, os.urandom(1024 * 1024)

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
    assert resident_mb() - before < 100


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
            assert time.monotonic() - started < 2


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
        await tx.run("UPDATE dataset SET name = name WHERE org_id = :org_id", {"org_id": org_id})
        held.set()
        let_go.wait(20)

    org_id = world.org()
    other = threading.Thread(target=lambda: asyncio.run(_write(world.settings, hold)))
    other.start()
    assert held.wait(10)

    def attempt() -> None:
        task = {"task_id": "t", "response": {}, "attachments": [{"content": content(b"orphan")}]}
        with (
            httpx2.Client(base_url=server.url, headers=headers, timeout=10) as client,
            pytest.raises(httpx2.HTTPError),
        ):
            deliver(client, dataset, "lost", [task])

    asking = threading.Thread(target=attempt)
    asking.start()
    for _ in range(400):
        if files_in(world):
            break
        time.sleep(0.01)
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
    db = opening.open_database(settings)
    await db.write(work)
    await db.close()
