"""Attachments opened in a real browser: whatever they hold, no script of theirs runs.

Each file tries to call a listener. That the listener is called by the same files where they are
served without care, so that nothing else in the rig stops them, is a test of its own.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from tests.support.attachments import link_of, upload
from tests.support.harness import free_port, on_sqlite_alone
from tests.support.pages import chromium

CHROMIUM = chromium.program()
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")


class Listener(ThreadingHTTPServer):
    """Serves the pages it is given, and notes everything else that it is asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Heard)
        self.pages: dict[str, tuple[str, bytes]] = {}
        self.heard: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Heard(BaseHTTPRequestHandler):
    server: Listener

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        if self.path not in self.server.pages:
            self.server.heard.append(self.path)
        kind, body = self.server.pages.get(self.path, ("text/plain", b""))
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def listener() -> Iterator[Listener]:
    server = Listener()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def browse(tmp_path) -> Callable[..., None]:
    """Opens addresses in a fresh browser, each in a tab, until `done` says so; and a while more."""

    def run(urls: list[str], done: Callable[[], bool]) -> None:
        port = free_port()
        options = [
            "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
            "--disable-background-networking", "--disable-component-update",
            f"--user-data-dir={tmp_path / 'profile'}", f"--remote-debugging-port={port}",
        ]  # fmt: skip
        process = subprocess.Popen(
            [str(CHROMIUM), *options, "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True, cwd=tmp_path,
        )  # fmt: skip
        try:
            control = f"http://127.0.0.1:{port}/json"
            wait_until(lambda: answers(f"{control}/version"))
            for url in urls:
                httpx2.put(f"{control}/new?{quote(url, safe='')}").raise_for_status()
            wait_until(done)
            time.sleep(3)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    return run


def answers(url: str) -> bool:
    try:
        return httpx2.get(url, timeout=1).is_success
    except httpx2.HTTPError:
        return False


def wait_until(done: Callable[[], bool]) -> None:
    until = time.monotonic() + 120
    while not done():
        assert time.monotonic() < until, "the browser did not open it all"
        time.sleep(0.1)


def files(script: str) -> dict[str, tuple[str, bytes]]:
    """Files that are one thing by their first bytes and another to a parser that looks further."""
    code = script.encode()
    html = b"<!doctype html><html><body><script>%b</script><img src=x onerror='%b'>" % (code, code)
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" onload="%b"><script>%b</script></svg>'
    whole_svg = svg % (code, code)
    xhtml = b'<html xmlns="http://www.w3.org/1999/xhtml"><script>%b</script></html>' % code
    pdf = b"%%PDF-1.7\n1 0 obj<</OpenAction<</S/JavaScript/JS(%b)>>>>endobj\n" % code
    return {
        "html": ("text/html", html),
        "html without a type": ("", html),
        "html that says it is an image": ("image/png", html),
        "svg": ("image/svg+xml", whole_svg),
        "svg that says it is an image": ("image/png", whole_svg),
        "xhtml": ("application/xhtml+xml", xhtml),
        "xml with a stylesheet": (
            "text/xml", b'<?xml-stylesheet type="text/xsl" href="x"?>' + xhtml,
        ),
        "pdf": ("application/pdf", pdf + html),
        "script": ("text/javascript", code),
        "gif that is a script": ("image/gif", b"GIF89a/*\0\0*/=1;" + code),
        "gif and html": ("image/gif", b"GIF89a" + html),
        "png and html": ("image/png", b"\x89PNG\r\n\x1a\n" + html),
        "png and html that says it is html": ("text/html", b"\x89PNG\r\n\x1a\n" + html),
        "jpeg and html": ("image/jpeg", b"\xff\xd8\xff\xe0" + html),
        "webp and html": ("image/webp", b"RIFF\x10\0\0\0WEBP" + html),
        "wav and html": ("audio/wav", b"RIFF\x10\0\0\0WAVE" + html),
        "mp3 and html": ("audio/mpeg", b"ID3\x04" + html),
        "mp4 and html": ("video/mp4", b"\0\0\0\x20ftypisom" + html),
        "html in UTF-16": ("text/html", html.decode().encode("utf-16")),
        "a page saved from the web": (
            "multipart/related", b"MIME-Version: 1.0\nContent-Type: text/html\n\n" + html,
        ),
    }  # fmt: skip


NAMES = list(files(""))


def calling(listener: Listener, name: str) -> str:
    """A script without quotes of either kind, so that it fits into attributes as well."""
    return f"new Image().src=`{listener.url}/ran/{NAMES.index(name)}`"


def named(heard: list[str]) -> set[str]:
    """The files whose scripts were heard of."""
    return {NAMES[int(one.rpartition("/")[2])] for one in heard if one.startswith("/ran/")}


def test_the_same_files_run_where_they_are_served_carelessly(browse, listener):
    """Most do when they are called pages, and the rest of the rig lets the listener be called."""
    for number, name in enumerate(NAMES):
        kind, body = files(calling(listener, name))[name]
        plain = {"text/html", "image/svg+xml", "application/xhtml+xml"}
        listener.pages[f"/{number}"] = (kind if kind in plain else "text/html", body)

    browse(
        [f"{listener.url}/{number}" for number in range(len(NAMES))],
        lambda: len(named(listener.heard)) >= 15,
    )

    assert {"html", "svg", "xhtml", "png and html", "mp4 and html"} <= named(listener.heard)


@on_sqlite_alone
@pytest.mark.slow
def test_no_script_of_a_file_runs_when_its_link_is_opened(world, start_server, browse, listener):
    server = start_server()
    headers = {"Authorization": f"Bearer {world.key()}"}
    links = []
    with httpx2.Client(base_url=server.url, headers=headers) as client:
        for name in NAMES:
            kind, body = files(calling(listener, name))[name]
            links.append(server.url + link_of(client, upload(client, body, f"{name}.html", kind)))

    def opened() -> set[str]:
        return set(re.findall(r'"path":"(/attachments/\w+)"', server.log_path.read_text()))

    browse(links, lambda: len(opened()) == len(links))

    assert named(listener.heard) == set()
    log = [json.loads(line) for line in server.log_path.read_text().splitlines()]
    requests = [one for one in log if one["event"] == "request"]
    followed = [one for one in requests if one["operation"] == "follow_attachment_link"]
    assert {one["status"] for one in followed} <= {200, 206}


@on_sqlite_alone
@pytest.mark.slow
def test_no_page_elsewhere_makes_a_file_run_or_shows_it(world, start_server, browse, listener):
    """As a script, a frame, an object, an image, a style sheet: of another origin, each."""
    server = start_server()
    headers = {"Authorization": f"Bearer {world.key()}"}
    tags = "<script src='{0}'></script><iframe src='{0}'></iframe><object data='{0}'></object>"
    tags += "<embed src='{0}'><link rel=stylesheet href='{0}'>"
    tags += "<img src='{0}' onload='new Image().src=`/shown`'>"
    page = "<!doctype html><body>"
    pixel = "47494638396101000100800000ff0000ffffff2c00000000010001000002024401003b"
    with httpx2.Client(base_url=server.url, headers=headers) as client:
        made = [files(calling(listener, name))[name] for name in NAMES]
        for kind, body in [*made, ("image/gif", bytes.fromhex(pixel))]:
            link = server.url + link_of(client, upload(client, body, "x", kind))
            page += tags.format(link.replace("&", "&amp;"))
    page += "<script>onload=()=>{new Image().src=`/loaded`}</script>"
    listener.pages["/page"] = ("text/html", page.encode())

    browse([f"{listener.url}/page"], lambda: "/loaded" in listener.heard)

    assert named(listener.heard) == set()
    assert "/shown" not in listener.heard
