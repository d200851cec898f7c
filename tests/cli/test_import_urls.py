"""Imports from a URL: what is read, and failures that are one sentence without credentials."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from plaudit.core.outbound import downloads
from plaudit.core.outbound.downloads import REDIRECTS_MAX, download, shown_url
from plaudit.errors import Misconfigured
from plaudit.store.transfer.object_file import read_object
from tests.cli.test_cli import at, run
from tests.formats.containers.row_files import as_json_lines
from tests.support.builders import make_tasks
from tests.support.harness import one_engine

__all__ = ["at", "run"]  # fixtures


ROWS = as_json_lines(make_tasks(3))


class _Handler(BaseHTTPRequestHandler):
    """A web server of rows, redirects and failures."""

    seen: list[str]

    def do_GET(self) -> None:
        self.seen.append(self.headers.get("Authorization", ""))
        path, _, query = self.path.partition("?")
        if path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", path.removeprefix("/to/"))
            self.end_headers()
        elif path == "/loop":
            self.send_response(307)
            self.send_header("Location", "/loop")
            self.end_headers()
        elif path == "/cut":
            self.send_response(200)
            self.send_header("Content-Length", str(len(ROWS)))
            self.end_headers()
            self.wfile.write(ROWS[:100])
        elif path in ("/rows.jsonl", "/rows.jsonl.gz"):
            body = gzip.compress(ROWS) if path.endswith("gz") else ROWS
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        else:
            self.send_error(404, f"no {query}")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def seen() -> list[str]:
    """Authorization of each request."""
    return []


@pytest.fixture
def web(seen: list[str]) -> Iterator[str]:
    handler = type("Handler", (_Handler,), {"seen": seen})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@one_engine
@pytest.mark.parametrize("path", ["rows.jsonl", "rows.jsonl.gz?token=SECRET", "to//rows.jsonl"])
def test_a_url_is_read_as_a_file_is(run, at, web, monkeypatch, tmp_path, path):
    (tmp_path / "copies").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "copies"))

    done = run("import", f"{web}/{path}", *at, "--format", "v2")

    assert (done.returncode, done.stdout, done.stderr) == (0, "tasks: 3 added\n", "")
    assert list((tmp_path / "copies").iterdir()) == []


@one_engine
@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("absent?token=SECRET", "/absent answers with status 404"),
        ("loop?token=SECRET", f"redirects more than {REDIRECTS_MAX} times"),
        ("cut?token=SECRET", "broke off its answer"),
        ("to/ftp://127.0.0.1/rows", "redirects from http to ftp"),
    ],
)
def test_a_url_that_cannot_be_read_is_one_sentence_without_credentials(run, at, web, path, words):
    url = web.replace("://", "://user:SECRET@")

    done = run("import", f"{url}/{path}", *at, "--format", "v2")

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert words in done.stderr
    assert "SECRET" not in done.stderr


def test_credentials_go_to_the_server_that_they_are_for(web, seen):
    other = web.replace("127.0.0.1", "localhost")

    download(f"{web.replace('://', '://me:pw@')}/to/{other}/rows.jsonl", lambda *_: None)

    assert [bool(sent) for sent in seen] == [True, False]


def test_a_server_that_is_not_there_is_named(web):
    with pytest.raises(Misconfigured, match=r"^http://127.0.0.1:9/rows cannot be reached$"):
        download("http://user:SECRET@127.0.0.1:9/rows?token=SECRET", lambda *_: None)


@one_engine
def test_a_download_is_bounded(run, at, web, monkeypatch):
    monkeypatch.setenv("PLAUDIT_INFLATED_BYTES_MAX", "100")

    done = run("import", f"{web}/rows.jsonl", *at, "--format", "v2")

    assert (done.returncode, "more than 100 bytes" in done.stderr) == (1, True)


def test_a_redirect_from_https_to_http_is_not_followed():
    target = downloads.httpx2.URL("https://a.example/rows")

    with pytest.raises(Misconfigured, match="redirects from https to http"):
        downloads._followed(target, "http://a.example/rows", "shown")


def test_what_is_shown_of_a_url_is_no_credential():
    assert shown_url("https://user:pw@a.example:8443/dir/rows.csv?sig=x#y") == (
        "https://a.example:8443/dir/rows.csv"
    )


def test_an_object_is_read_and_a_missing_one_named(tmp_path):
    (tmp_path / "rows.jsonl").write_bytes(ROWS)
    chunks: list[bytes] = []

    read_object(f"file://{tmp_path}/rows.jsonl", lambda chunk, size: chunks.append(chunk))

    assert b"".join(chunks) == ROWS
    with pytest.raises(Misconfigured, match="does not exist"):
        read_object(f"file://{tmp_path}/absent.jsonl", lambda *_: None)


def test_an_object_store_that_is_not_there_is_one_sentence(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "SECRET")
    monkeypatch.setattr("plaudit.store.transfer.object_file._RETRIES", {"max_retries": 0})

    with pytest.raises(Misconfigured) as refused:
        read_object("s3://bucket/rows.jsonl", lambda *_: None)

    assert refused.value.message.startswith("s3://bucket/rows.jsonl cannot be read")
    assert "SECRET" not in refused.value.message
    assert "\n" not in refused.value.message
