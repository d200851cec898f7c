"""Running the server: logs, metrics, health, start, stop, and a store in trouble."""

from __future__ import annotations

import http.client
import json
import shutil
import signal
import socket
import time
from pathlib import Path
from typing import Any

import apsw
import httpx2
import pytest

from plaudit.core.common import server_secret
from plaudit.settings import CONNECTIONS_MAX, Settings
from plaudit.store.engine.connect import FILE_NAME
from tests.support.builders import make_message, make_task, make_tasks, make_thread, make_turn
from tests.support.harness import Server, World, free_port, on_sqlite_alone, run_cli
from tests.support.operations import assert_is_error, calling

PAGE = "/v2/tasks?project_id=project_123"
CANARY = "canary-77aa"


def client_of(server: Server, key: str) -> httpx2.Client:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx2.Client(base_url=server.url, headers=headers, timeout=10)


@pytest.fixture(scope="module")
def running(template, tmp_path_factory):
    """A server with 300 tasks for all tests that do it no harm, and a client with a key."""
    settings = Settings(data=tmp_path_factory.mktemp("running") / "data")
    shutil.copytree(template, settings.data)
    world = World(settings)
    turn = make_turn(messages=[make_message("user", CANARY), make_message(text=CANARY)])
    world.org()
    world.load([make_task("canary", threads=[make_thread(turns=[turn])]), *make_tasks(300)])
    key = world.key()
    world.close()
    server = Server(settings)
    with client_of(server, key) as client:
        yield server, client
    server.stop(9)


@pytest.fixture
def doomed(world, start_server):
    """The same for one test alone, without a worker that writes beside it."""
    world.load(make_tasks(300))
    with client_of(server := start_server(PLAUDIT_WORKER="0"), world.key()) as client:
        yield server, client


def log_of(server: Server) -> list[dict[str, Any]]:
    """The log so far; the server writes a line up to 100 ms after its answer."""
    time.sleep(0.15)
    return [json.loads(line) for line in server.log_path.read_bytes().splitlines()]


def resident_kb(server: Server) -> int:
    with open(f"/proc/{server.process.pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


def test_the_log_has_one_json_line_a_request_and_says_what_was_asked(running):
    server, client = running
    asked = [PAGE, "/v2/nothing", "/v2/task", "/healthz", "/docs/static/x", "/v2/projects"]
    answers = [client.get(path) for path in asked]

    noted = [line for line in log_of(server) if line["event"] == "request"]
    lines = {line["request_id"]: line for line in noted}
    for answer in answers:
        line = lines[answer.headers["x-request-id"]]
        assert line["status"] == answer.status_code
        assert line["bytes"] == len(answer.content)
        assert line["timestamp"].endswith("Z")
    assert [lines[answer.headers["x-request-id"]]["operation"] for answer in answers] == [
        "list_tasks", "none", "get_task", "get_health", "get_docs_file", "list_projects",
    ]  # fmt: skip
    ids = [one["request_id"] for one in log_of(server) if one["event"] == "request"]
    assert len(ids) == len(set(ids))


def test_no_key_query_or_text_of_a_task_ever_stands_in_the_log(running):
    server, client = running
    key = client.headers["authorization"][7:]
    hostile = [
        f"/v2/{key}", f"/v2/tasks/{key}?x={key}", f"/docs/static/{key}", f"/?key={key}",
        f"/v2/task?task_id=canary&x={CANARY}-query", f"/v2/tasks?{key}&project_id=project_123",
    ]  # fmt: skip

    client.get("/v2/projects", auth=(key, ""))
    for path in hostile:
        client.get(path)
        client.get("/v2/projects", headers={"X-Request-Id": key, "User-Agent": key, "Referer": key})
        client.get("/v2/projects", headers={"Authorization": f"Bearer {key}x"})

    text = json.dumps(log_of(server))
    assert "/v2/task" in text
    assert CANARY not in text
    assert key[5:] not in text


@on_sqlite_alone
def test_a_fault_is_logged_with_its_traceback_but_without_the_key_or_the_data(doomed):
    server, client = doomed
    break_store(server)
    answer = client.get(f"{PAGE}&limit=7")

    assert answer.status_code in (500, 503)
    # A busy machine warns of a stalled loop besides.
    lines = [line for line in log_of(server) if line["event"] != "loop stalled"]
    ids = [line.get("request_id") for line in lines]
    assert ids.count(answer.headers["x-request-id"]) == 2, "what was asked, and what went wrong"
    text = server.log_path.read_text()
    assert client.headers["authorization"][12:] not in text
    assert "limit=7" not in text
    assert "A question?" not in text


def test_a_hostile_path_or_header_cannot_forge_or_break_a_line(running):
    server, client = running
    raw = [
        b"/%0d%0a%7b%22event%22:%22forged%22%7d", b"/%1b[31mred", b"/" + b"a" * 9000, b"/%00",
        b"/${jndi:ldap://x}", b"/%22%7d", b"/%e2%80%a8",
    ]  # fmt: skip
    for path in raw:
        with socket.create_connection(("127.0.0.1", server.port)) as link:
            link.sendall(b"GET %b HTTP/1.1\r\nHost: x\r\nUser-Agent: \xff\xfe\r\n\r\n" % path)
            link.recv(65536)
    client.get("/healthz", headers={"X-Request-Id": '", "event": "forged'})

    assert not any(line["event"] == "forged" for line in log_of(server))
    assert b"\x1b" not in server.log_path.read_bytes()
    assert all(len(line) < 2000 for line in server.log_path.read_bytes().splitlines())
    requests = [line for line in log_of(server) if line["event"] == "request"]
    paths = [line["path"] for line in requests if line["status"] == 401]
    assert len([path for path in paths if path[:2] in ("/%", "/a", "/$")]) == len(raw)


@pytest.mark.parametrize("header", ["Forwarded", "X-Forwarded-For", "X-Real-IP"])
def test_metrics_are_for_loopback_without_a_proxy(world, header):
    with calling(world, None) as client:
        assert client.get("/metrics").status_code == 200
        behind = client.get("/metrics", headers={header: "127.0.0.1"})
        assert_is_error(404, behind.headers, behind.json())


def test_metrics_count_requests_by_operation_and_status(running):
    _, client = running
    expected = {
        'operation="list_tasks",status="200"': 2,
        'operation="get_task",status="400"': 1,
        'operation="get_task",status="404"': 1,
        'operation="none",status="404"': 1,
        'operation="none",status="405"': 1,
    }

    def counts() -> list[float]:
        lines = dict(line.rpartition(" ")[::2] for line in client.get("/metrics").text.split("\n"))
        return [float(lines.get(f"plaudit_requests_total{{{one}}}", 0)) for one in expected]

    before = counts()
    for path in (PAGE, PAGE, "/v2/task", "/v2/task?task_id=absent", "/v2/nothing"):
        client.get(path)
    client.post("/v2/tasks")

    grown = [after - start for start, after in zip(before, counts(), strict=True)]
    assert grown == list(expected.values())
    assert "project_123" not in client.get("/metrics").text


def test_metrics_do_not_grow_with_the_paths_that_strangers_invent(running):
    _, client = running

    def series():
        """What is counted, but for stalls, which a busy machine brings."""
        said = client.get("/metrics").text.splitlines()
        return {
            line.rpartition(" ")[0]
            for line in said
            if not line.startswith(("#", "plaudit_loop_", "plaudit_step_"))
        }

    for path in ("/v2/0", "/docs/static/0", "/metrics"):
        client.get(path)
    before = series()
    for number in range(50):
        client.get(f"/v2/{number}")
        client.get(f"/docs/static/{number}")

    assert series() == before


def test_the_server_listens_on_loopback_alone(running):
    server, _ = running
    wanted = f":{server.port:04X}"
    listening = set()
    for table in ("tcp", "tcp6"):
        with open(f"/proc/net/{table}") as file:
            rows = [line.split() for line in list(file)[1:]]
        listening |= {row[1] for row in rows if row[3] == "0A" and row[1].endswith(wanted)}

    assert listening == {f"0100007F{wanted}"}


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_finishes_the_answer_under_way_and_exits_with_0(world, start_server, how):
    """A slow reader gets every byte of its page; nobody new is let in meanwhile."""
    message = make_message(text="x" * 120_000)
    world.load(make_tasks(60, threads=[make_thread(turns=[make_turn(messages=[message])])]))
    server = start_server()
    link = socket.socket()
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    link.settimeout(10)
    link.connect(("127.0.0.1", server.port))
    request = f"GET {PAGE} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {world.key()}\r\n\r\n"
    link.sendall(request.encode())
    data = bytearray(link.recv(1000))

    server.process.send_signal(how)
    time.sleep(0.5)
    assert server.process.poll() is None, "it did not wait for the reader"
    while got := link.recv(1 << 16):
        data += got
    link.close()

    head, _, body = bytes(data).partition(b"\r\n\r\n")
    assert f"content-length: {len(body)}\r\n".encode() in head + b"\r\n"
    assert len(json.loads(body)["tasks"]) == 60
    assert server.process.wait(30) == 0
    assert "Traceback" not in server.log_path.read_text()


def test_a_stop_does_not_wait_for_idle_connections(doomed):
    server, client = doomed
    client.get("/healthz")
    with socket.create_connection(("127.0.0.1", server.port)):
        before = time.monotonic()
        assert server.stop() == 0

    assert time.monotonic() - before < 12, "idle connections are kept for longer"


def test_reads_go_on_while_another_process_holds_the_write_lock(running):
    server, client = running
    other = apsw.Connection(str(server.log_path.parent / FILE_NAME))
    other.execute("BEGIN EXCLUSIVE; DELETE FROM task")
    try:
        before = time.monotonic()
        page = client.get(PAGE)
        assert client.get("/readyz").status_code == 200
        assert time.monotonic() - before < 3
    finally:
        other.execute("ROLLBACK")
        other.close()

    assert len(page.json()["tasks"]) == 100


def break_store(server: Server) -> None:
    """Overwrite the database under the running server, its log of changes included."""
    for path in server.log_path.parent.glob(f"{FILE_NAME}*[!m]"):
        break_file(path)


def break_file(path: Path) -> None:
    """Overwrite all of a file but its first page."""
    with path.open("r+b") as file:
        size = file.seek(0, 2)
        file.seek(16384)
        file.write(b"\xde\xad" * (max(size - 16384, 0) // 2))


def remove_store(server: Server) -> None:
    for file in server.log_path.parent.glob(f"{FILE_NAME}*"):
        file.unlink()


@on_sqlite_alone
@pytest.mark.parametrize("harm", [break_store, remove_store])
def test_a_lost_store_is_clean_errors_and_never_a_hang_and_not_ready(doomed, harm):
    """What was opened before it vanished may still be served; readiness must tell."""
    server, client = doomed
    harm(server)
    for path in (PAGE, "/v2/task?task_id=task_00200", "/v2/projects", "/v2/batches"):
        answer = client.get(path)
        if harm is break_store or answer.status_code != 200:
            assert answer.status_code in (500, 503)
            assert_is_error(answer.status_code, answer.headers, answer.json())
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 503


@on_sqlite_alone
def test_a_store_that_comes_back_is_served_without_a_restart(doomed):
    """A fault leaves no transaction open and no connection unusable."""
    server, client = doomed
    other = apsw.Connection(str(server.log_path.parent / FILE_NAME))
    other.execute("ALTER TABLE project RENAME TO elsewhere")
    assert {client.get(PAGE).status_code for _ in range(5)} == {500}

    other.execute("ALTER TABLE elsewhere RENAME TO project")
    other.close()

    assert client.get(PAGE).status_code == 200


def test_memory_stays_flat_over_2000_pages(running):
    server, client = running
    link = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    headers = {"Authorization": client.headers["authorization"]}

    def ask(count: int, start: int) -> None:
        for number in range(start, start + count):
            link.request("GET", f"{PAGE}&limit={number % 100 + 1}&x={number}", headers=headers)
            assert link.getresponse().read().startswith(b'{"tasks":')

    ask(500, 0)
    before = resident_kb(server)
    ask(2000, 500)
    link.close()

    assert resident_kb(server) - before < 4_000


def test_whoever_comes_when_all_places_are_idle_gets_one(running):
    server, client = running
    links = []
    try:
        for _ in range(CONNECTIONS_MAX):
            links.append(socket.create_connection(("127.0.0.1", server.port), timeout=5))

        assert httpx2.get(f"{server.url}/readyz").status_code == 200
        assert client.get("/readyz").status_code == 200
    finally:
        for link in links:
            link.close()


def refusal(settings: Settings) -> str:
    """What `serve` says when it refuses to start: one line, and exit code 1."""
    result = run_cli("serve", "--data", str(settings.data), "--port", str(free_port()))

    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1, result.stderr
    assert "Traceback" not in result.stderr
    return result.stderr


@on_sqlite_alone
@pytest.mark.slow
def test_it_does_not_start_without_a_store_its_secret_or_with_another(world, settings, tmp_path):
    (tmp_path / "empty").mkdir()
    shutil.copy(settings.secret_path, tmp_path / "empty")
    assert "plaudit init" in refusal(Settings(data=tmp_path / "empty"))

    settings.secret_path.rename(tmp_path / "kept")
    assert "is missing" in refusal(settings)

    server_secret.make(settings.secret_path)
    assert "another server secret" in refusal(settings)

    settings.secret_path.write_text("00" * 32 + "\n")
    assert "random" in refusal(settings)

    shutil.copy(tmp_path / "kept", settings.secret_path)
    settings.secret_path.chmod(0o644)
    assert "chmod 600" in refusal(settings)


@on_sqlite_alone
def test_it_does_not_start_on_the_schema_of_another_version(world, settings):
    store = apsw.Connection(str(settings.data / FILE_NAME))
    store.execute("INSERT INTO schema_migration VALUES ('9999_later.sql', 1, 'x')")
    assert "9999_later.sql" in refusal(settings)

    store.execute("DELETE FROM schema_migration")
    store.close()
    refusal(settings)


@pytest.mark.parametrize("content", [b"not a database, " * 2000, b"", None])
def test_it_does_not_start_on_a_file_that_is_no_store_or_corrupted(settings, content):
    path = settings.data / FILE_NAME
    store = apsw.Connection(str(path))
    store.execute("PRAGMA journal_mode=DELETE").fetchall()  # nothing to recover from
    store.close()
    if content is None:
        break_file(path)
    else:
        path.write_bytes(content)

    refusal(settings)


@on_sqlite_alone
def test_it_does_not_start_on_a_port_in_use(world, settings):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        result = run_cli("serve", "--data", str(settings.data), "--port", port)

    assert result.returncode == 1
    assert port in result.stderr
    assert "in use" in result.stderr
    assert result.stderr.count("\n") == 1
