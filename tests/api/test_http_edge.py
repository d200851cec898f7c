"""The HTTP edge of a running server: what is malformed, too long, too slow or ambiguous.

Everything here speaks over a socket, because a client library would not send most of it.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from plaudit.settings import BODY_BYTES_MAX, HEADER_BYTES_MAX, HEADER_SECONDS_MAX, Settings
from tests.support.builders import make_tasks
from tests.support.harness import Server, World
from tests.support.network.wire import Wire, parse
from tests.support.operations import assert_is_error
from tests.support.running.every_case import every_case

GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(scope="module")
def wire(template, tmp_path_factory) -> Iterator[Wire]:
    """A running server with 30 tasks of Ann's."""
    folder = tmp_path_factory.mktemp("edge")
    for file in template.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / "secret").chmod(0o600)
    settings = Settings(data=folder)
    world = World(settings)
    world.org()
    key = world.key()
    world.load(make_tasks(30))
    world.close()
    server = Server(settings)
    yield Wire(server, key)
    server.stop(9)


def post(*headers: bytes, body: bytes = b"") -> bytes:
    return b"\r\n".join([b"POST /healthz HTTP/1.1", b"Host: x", *headers, b"", body])


HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked"
MALFORMED = {
    "words": b"what is this\r\n\r\n",
    "bare LF": b"GET /healthz HTTP/1.1\nHost: x\n\n",
    "bare LF in a header": b"GET /healthz HTTP/1.1\r\nHost: x\nA: b\r\n\r\n",
    "bare CR in a header": b"GET /healthz HTTP/1.1\r\nHost: x\rA: b\r\n\r\n",
    "NUL in a header": b"GET /healthz HTTP/1.1\r\nHost: x\r\nA: b\x00c\r\n\r\n",
    "a folded header": b"GET /healthz HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n",
    "no such version": b"GET /healthz HTTP/1.2\r\nHost: x\r\n\r\n",
    "no such method": b"FETCH /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64,
    "a raw byte in the path": b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
    "an escape in the path": b"GET /\x1b[31m HTTP/1.1\r\nHost: x\r\n\r\n",
    "a space in the path": b"GET /health z HTTP/1.1\r\nHost: x\r\n\r\n",
    "no Host": b"GET /healthz HTTP/1.1\r\n\r\n",
    "two Hosts": b"GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    "one Host twice": b"GET /healthz HTTP/1.1\r\nHost: x\r\nhost: x\r\n\r\n",
    "two Hosts of HTTP/1.0": b"GET /healthz HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n",
    "an empty Host": b"GET /healthz HTTP/1.1\r\nHost: \r\n\r\n",
    "two names in a Host": b"GET /healthz HTTP/1.1\r\nHost: x, y\r\n\r\n",
    "a path in the Host": b"GET /healthz HTTP/1.1\r\nHost: x/y\r\n\r\n",
    "a user in the Host": b"GET /healthz HTTP/1.1\r\nHost: x@y\r\n\r\n",
    "a word for the Host's port": b"GET /healthz HTTP/1.1\r\nHost: x:http\r\n\r\n",
    "CONNECT": b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n",
    "both lengths": post(b"Content-Length: 4", CHUNKED, body=b"0\r\n\r\n" + HIDDEN),
    "both lengths, swapped": post(CHUNKED, b"Content-Length: 4", body=b"0\r\n\r\n" + HIDDEN),
    "an unknown coding": post(b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n" + HIDDEN),
    "a coding after chunked": post(b"Transfer-Encoding: chunked, identity", body=HIDDEN),
    "a space before the colon": post(b"Transfer-Encoding : chunked", body=b"0\r\n\r\n" + HIDDEN),
    "two lengths": post(b"Content-Length: 4", b"Content-Length: 5", body=b"abcde" + HIDDEN),
    "a length twice in one": post(b"Content-Length: 4, 4", body=b"abcd" + HIDDEN),
    "a negative length": post(b"Content-Length: -4", body=HIDDEN),
    "a signed length": post(b"Content-Length: +4", body=b"abcd" + HIDDEN),
    "a hexadecimal length": post(b"Content-Length: 0x4", body=b"abcd" + HIDDEN),
    "an endless length": post(b"Content-Length: " + b"9" * 26, body=HIDDEN),
    "a chunk size that is none": post(CHUNKED, body=b"ZZ\r\n" + HIDDEN),
    "a negative chunk size": post(CHUNKED, body=b"-1\r\n" + HIDDEN),
    "an endless chunk size": post(CHUNKED, body=b"f" * 20 + b"\r\nx" + HIDDEN),
    "chunks ended by LF": post(CHUNKED, body=b"1\nx\n0\n\n" + HIDDEN),
    "a chunk longer than told": post(CHUNKED, body=b"1\r\nxyz\r\n0\r\n\r\n" + HIDDEN),
    "LF in a chunk extension": post(CHUNKED, body=b"1;a=b\nc\r\nx\r\n0\r\n\r\n" + HIDDEN),
}


@every_case("data", MALFORMED.values())
def test_malformed_http_is_refused_once_and_the_connection_closed(wire, data):
    """Nothing that hides behind an ambiguous length is ever read as a request of its own."""
    spoken = wire.say(data, expect=None)

    assert spoken.is_closed
    assert spoken.statuses == [400]
    assert spoken.rest == b""
    answer = spoken.answers[0]
    assert_is_error(400, answer.headers, answer.json())
    assert answer.json()["code"] == "bad_request"
    assert answer.headers["connection"] == "close"
    assert answer.headers["cache-control"] == "no-store, private"
    assert answer.headers["vary"] == "Authorization"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert b"hidden" not in wire.server.log_path.read_bytes()


@pytest.mark.parametrize(
    "head",
    [
        b"1.1\r\nHost: [::1]:8000",
        b"1.1\r\nHost: feedback.example.com:443",
        b"1.0",
        b"1.0\r\nHost: x",
    ],
)
def test_a_request_with_one_host_is_answered_and_one_of_http_1_0_without(wire, head):
    assert wire.say(b"GET /healthz HTTP/" + head + b"\r\n\r\n").statuses == [200]


def test_what_is_refused_as_malformed_is_in_the_log_under_its_request_id(wire):
    spoken = wire.say(MALFORMED["words"])

    logged = wire.logged(spoken.answers[0].headers["x-request-id"])
    assert [line["status"] for line in logged] == [400]


@pytest.mark.parametrize("size", [HEADER_BYTES_MAX, 10 * HEADER_BYTES_MAX])
@pytest.mark.parametrize(
    "head", [b"GET /healthz HTTP/1.1\r\nA: ", b"GET /healthz?", b"GET /healthz HTTP/1.1\r\n"]
)
def test_a_head_over_16_kib_is_refused_whether_it_ends_or_not(wire, head, size):
    filler = b"a: b\r\n" * (size // 6 + 1) if head.endswith(b"\r\n") else b"a" * size
    for end in (b"\r\n\r\n", b""):
        for step in (size + 100, 4000):
            data = head + filler + end
            pieces = [data[at : at + step] for at in range(0, len(data), step)][:6]
            spoken = wire.say(*pieces, expect=None)
            assert spoken.statuses == [431]
            assert spoken.is_closed
            assert_is_error(431, spoken.answers[0].headers, spoken.answers[0].json())


def test_a_head_of_16_kib_is_accepted(wire):
    start = b"GET /healthz HTTP/1.1\r\nHost: x\r\nA: "
    fitting = start + b"a" * (HEADER_BYTES_MAX - len(start) - 4) + b"\r\n\r\n"

    assert wire.say(fitting).statuses == [200]
    assert wire.say(fitting[:9000], fitting[9000:]).statuses == [200]


def test_a_body_does_not_count_as_head_however_the_bytes_arrive(wire):
    head = post(b"Content-Length: 20000")[:-2]
    assert wire.say(head + b"\r\n" + b"a" * 20000).statuses == [405]
    for cut in (1, 2, 3):
        spoken = wire.say((head + b"\r\n")[:-cut], (head + b"\r\n")[-cut:] + b"a" * 20000)
        assert spoken.statuses == [405], cut


def test_a_body_s_last_packet_does_not_count_as_the_next_head(wire):
    """A body whose end comes alone, in a packet larger than a head may be."""
    size = 2 * HEADER_BYTES_MAX
    head = post(b"Content-Length: %d" % size)

    spoken = wire.say(head, bytes(size), GET, expect=2)

    assert spoken.statuses[1:] == [200]


def test_the_head_of_a_pipelined_request_has_the_same_limit(wire):
    long = b"GET /healthz HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 60000 + b"\r\n\r\n"

    assert wire.say(GET + long, expect=2).statuses == [200, 431]


@pytest.mark.slow
def test_a_slow_head_is_refused_after_ten_seconds_and_an_idle_connection_closed(wire, request):
    """One wait for all: a half head, a half head after a whole request, and nothing at all."""
    links = [socket.create_connection(("127.0.0.1", wire.server.port)) for _ in range(3)]
    request.addfinalizer(lambda: [link.close() for link in links])
    links[0].sendall(b"GET /healthz HTTP/1.1\r\nHo")
    links[1].sendall(GET)
    assert parse(links[1].recv(65536))[0][0].status == 200
    links[1].sendall(b"GET /healthz HT")
    time.sleep(HEADER_SECONDS_MAX / 2)
    links[0].sendall(b"st: x\r\n")  # a byte now and then buys no time

    time.sleep(HEADER_SECONDS_MAX / 2 + 1)
    got = []
    for link in links:
        link.settimeout(20)  # of a server that is busy
        got.append(link.recv(65536))
        assert link.recv(65536) == b"", "the connection is still open"

    for data in got[:2]:
        answer = parse(data)[0][0]
        assert answer.status in (400, 408)
        assert_is_error(answer.status, answer.headers, answer.json())
    assert got[2] == b""


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_body_over_10_mib_is_refused_before_it_is_sent(wire, method):
    length = f"Content-Length: {BODY_BYTES_MAX + 1}"
    answer = wire.get("/v2/projects", length, method=method)

    assert answer.status == 413
    assert_is_error(413, answer.headers, answer.json())
    assert "retry-after" not in answer.headers


def test_a_chunked_body_without_end_on_a_get_is_not_kept(wire):
    head = b"GET /v2/projects HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\n%b\r\n\r\n"
    chunk = b"100000\r\n" + b"a" * 0x100000 + b"\r\n"
    before = resident_kb(wire.server.process.pid)

    spoken = wire.say(head % (wire.key.encode(), CHUNKED), *[chunk] * 24, expect=None, seconds=0.2)

    assert spoken.statuses in ([200], [413])
    assert resident_kb(wire.server.process.pid) - before < 8_000


def resident_kb(pid: int) -> int:
    """A process's resident memory."""
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


def test_pipelined_requests_are_answered_one_by_one_in_order(wire):
    paths = ["/healthz", "/nothing", "/v2/tasks?project_id=project_123&limit=1", "/readyz"] * 5
    lines = f"Host: x\r\nAuthorization: Bearer {wire.key}\r\n"
    data = "".join(f"GET {path} HTTP/1.1\r\n{lines}\r\n" for path in paths).encode()

    for pieces in ([data], [data[at : at + 100] for at in range(0, 1000, 100)] + [data[1000:]]):
        spoken = wire.say(*pieces, expect=len(paths))
        assert spoken.statuses == [200, 404, 200, 200] * 5


def test_a_request_is_answered_before_garbage_behind_it_is_refused(wire):
    spoken = wire.say(GET + b"garbage\r\n\r\n", expect=None)

    assert spoken.is_closed
    assert spoken.statuses in ([200], [200, 400])


@pytest.mark.parametrize("wanted", [b"websocket", b"h2c", b"foo"])
def test_an_upgrade_is_ignored_and_the_connection_goes_on(wire, wanted):
    upgrade = GET[:-2] + b"Connection: Upgrade\r\nUpgrade: " + wanted + b"\r\n\r\n"

    assert wire.say(upgrade, GET, expect=2, seconds=2).statuses == [200, 200]


def test_head_is_get_without_a_body(wire):
    target = "/v2/tasks?project_id=project_123"
    get, head = wire.get(target), wire.get(target, method="HEAD")

    assert head.status == 200
    assert head.headers["content-length"] == str(len(get.body))
    lines = f"Host: x\r\nAuthorization: Bearer {wire.key}\r\n\r\n".encode()
    heads = b"HEAD /v2/projects HTTP/1.1\r\n" + lines
    assert wire.say(heads + GET, heads=1, expect=2).statuses == [200, 200]


def test_http_1_0_is_answered_and_closed(wire):
    for head in (b"GET /healthz HTTP/1.0\r\n\r\n", b"GET /healthz HTTP/1.0\r\nHost: x\r\n\r\n"):
        spoken = wire.say(head, expect=None)
        assert spoken.statuses == [200]
        assert spoken.is_closed


def test_slashes_at_the_start_collapse_and_nowhere_else(wire):
    page = wire.get("/v2/tasks?project_id=project_123&limit=1")
    for target in ("//v2/tasks", "////v2/tasks", "http://x/v2/tasks", "http://x//v2/tasks"):
        assert wire.get(f"{target}?project_id=project_123&limit=1").body == page.body
    for target in ("/v2//tasks", "/v2/tasks/", "/v2/tasks//", "/v2/./tasks", "/x/../v2/tasks"):
        assert wire.get(f"{target}?project_id=project_123").status == 404, target


@pytest.mark.parametrize(
    "target",
    ["/v2%2Ftasks", "/v2/tasks%2F", "/%76%32/tasks", "/v2/tasks;a=b", "/v2/tasks%00", "/V2/TASKS"],
)
def test_a_path_is_matched_as_it_was_sent(wire, target):
    answer = wire.get(f"{target}?project_id=project_123")

    assert answer.status == 404
    assert_is_error(404, answer.headers, answer.json())


@every_case(
    "name",
    ["../edge.py", "..%2fedge.py", "..%252fedge.py", "%2e%2e/edge.py", "%2e%2e%2fedge.py",
     "..\\edge.py", "..%5cedge.py", "%2fetc%2fpasswd", "/etc/passwd", "docs.css%00.js", "docs.css/",
     "./docs.css", "DOCS.CSS", "", ".", "..", "docs.css;x", "docs.css%20"],
)  # fmt: skip
def test_the_files_of_the_page_are_two_and_no_path_leads_to_others(wire, name):
    answer = wire.get(f"/docs/static/{name}")

    assert answer.status == 404
    assert_is_error(404, answer.headers, answer.json())


GOOD_IDS = ("a", "req-1", "A.b_c-9", "x" * 64)
BAD_IDS = ("", "x" * 65, "a b", "a;b", "é", "../x", "a\tb", "<b>", "a,b")


@every_case("given", GOOD_IDS + BAD_IDS)
def test_a_request_id_is_kept_only_if_it_is_plain(wire, given):
    for target in ("/healthz", "/v2/task?task_id=absent"):
        answer = wire.get(target, f"X-Request-Id: {given}")
        request_id = answer.headers["x-request-id"]
        assert (request_id == given) == (given in GOOD_IDS)
        assert wire.logged(request_id)
        if answer.status == 404:
            assert answer.json()["request_id"] == request_id


def test_after_all_of_this_the_server_answers(wire):
    assert wire.get("/v2/tasks?project_id=project_123").status == 200
