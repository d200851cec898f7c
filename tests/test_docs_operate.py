"""The operator's page as it is printed: a service user, the unit, nginx, and uploads through it."""

from __future__ import annotations

import grp
import os
import pwd
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import httpx2
import msgspec
import pytest

from plaudit.api.http.metrics import Metrics
from plaudit.app import all_operations, all_pages
from plaudit.settings import BODY_BYTES_MAX, REQUEST_SECONDS_MAX, STREAM_SECONDS_MAX, Settings
from tests.support.builders import make_task
from tests.support.harness import World, clean_environment, free_port
from tests.support.network.receivers import Authority
from tests.support.operations import assert_is_error
from tests.support.pages.browser_client import (
    Browser,
    add_person,
    ended,
    start_import,
    upload_file,
)
from tests.test_docs import BIN, BLOCKS, section_of

HOST = "feedback.example.com"
MB = 1_000_000
NGINX = next(b.text for b in BLOCKS if b.marks == ("nginx",))
UNIT = next(b.text for b in BLOCKS if b.marks == ("ini",) and "[Service]" in b.text)
COMMANDS = [b.text for b in BLOCKS if b.marks == ("sh", "service")]

MAIN = """
daemon off;
worker_processes 1;
{user}
pid {folder}/pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {server}
}}
"""


@dataclass
class Service:
    """Plaudit as its unit runs it, behind nginx as it is printed."""

    folder: Path
    url: str
    world: World
    first_user: str

    @property
    def data(self) -> Path:
        return self.folder / "plaudit" / "data"

    def client(self, key: str | None = None) -> httpx2.Client:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        hooks = {"request": [as_sent_to_host]}
        return httpx2.Client(base_url=self.url, headers=headers, event_hooks=hooks, timeout=30)


def as_sent_to_host(request: httpx2.Request) -> None:
    """Send what a browser would that was told the server's name, not this machine's port."""
    request.headers["Host"] = HOST
    if "Origin" in request.headers:
        request.headers["Origin"] = f"https://{HOST}"


@cache
def switch_user() -> str | None:
    """Command that runs another as a user that every machine has; None if we cannot switch.

    Only root can. The user may read what the tests' own Python needs, wherever that lies.
    """
    if shutil.which("setpriv") is None or os.geteuid() != 0:
        return None
    reading = "--inh-caps=+dac_read_search --ambient-caps=+dac_read_search"
    for caps in (reading, ""):
        command = f"setpriv --reuid=nobody --regid={nobodys_group()} --clear-groups {caps} --"
        probe = [*command.split(), str(BIN / "plaudit"), "--version"]
        if subprocess.run(probe, capture_output=True, check=False).returncode == 0:
            return command
    return None


def nobodys_group() -> str:
    return grp.getgrgid(pwd.getpwnam("nobody").pw_gid).gr_name


def replaced(text: str, folder: Path) -> str:
    """A printed text for a folder of the test's own, and for nobody, or us, as the user."""
    text = text.replace("/var/lib/plaudit", str(folder / "plaudit"))
    text = text.replace("/opt/plaudit/bin/plaudit", str(BIN / "plaudit"))
    text = re.sub(r"^useradd .*$", "", text, flags=re.M)
    switch = switch_user()
    if switch is None:
        return text.replace("-o plaudit -g plaudit ", "").replace("runuser -u plaudit -- ", "")
    text = text.replace("-o plaudit -g plaudit ", f"-o nobody -g {nobodys_group()} ")
    return text.replace("runuser -u plaudit -- ", f"{switch} ")


def run_shell(text: str, folder: Path) -> str:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", replaced(text, folder)],
        env=clean_environment(), cwd=folder, capture_output=True, text=True, timeout=300,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def start(folder: Path, port: int) -> subprocess.Popen[bytes]:
    """What the unit says, as systemd would: user, folder, environment, command."""
    said = dict(re.findall(r"^(User|WorkingDirectory|ExecStart|UMask)=(.*)$", UNIT, re.M))
    variables = " ".join(re.findall(r"^Environment=(.*)$", UNIT, re.M))
    command = f"exec runuser -u {said['User']} -- env {variables} {said['ExecStart']} --port {port}"
    with (folder / "serve.log").open("wb") as log:
        return subprocess.Popen(
            ["bash", "-c", f"umask {said['UMask']}; {replaced(command, folder)}"],
            env=clean_environment(), stdout=log, stderr=log,
            cwd=replaced(said["WorkingDirectory"], folder),
        )  # fmt: skip


def start_nginx(folder: Path, port: int, behind: int) -> subprocess.Popen[bytes]:
    server = NGINX.replace("listen 443 ssl", f"listen 127.0.0.1:{port} ssl")
    server = server.replace("127.0.0.1:8000", f"127.0.0.1:{behind}")
    server = re.sub(r"/etc/ssl/feedback\.\w+", str(folder / f"{HOST}.pem"), server)
    user = f"user nobody {nobodys_group()};" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(MAIN.format(folder=folder, user=user, server=server))
    return subprocess.Popen(["nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder)])


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    if shutil.which("nginx") is None:
        pytest.skip("nginx is not installed")
    folder = Path(tempfile.mkdtemp(prefix="plaudit-operate-"))
    folder.chmod(0o755)
    behind, port = free_port(), free_port()
    processes: list[subprocess.Popen[bytes]] = []
    try:
        printed = [run_shell(text, folder) for text in COMMANDS]
        authority = Authority(folder)
        authority.server(HOST, "127.0.0.1")
        processes += [start(folder, behind), start_nginx(folder, port, behind)]
        world = World(Settings(data=folder / "plaudit" / "data"))
        found = Service(folder, f"https://127.0.0.1:{port}", world, printed[-1])
        with pytest.MonkeyPatch.context() as patch:
            trusting = authority.client()
            patch.setattr("httpx2._transports.default.create_ssl_context", lambda **_: trusting)
            wait_until_ready(found, processes)
            yield found
        world.close()
    finally:
        for process in processes:
            process.terminate()
            process.wait(35)
        shutil.rmtree(folder)


def wait_until_ready(service: Service, processes: list[subprocess.Popen[bytes]]) -> None:
    failure: Exception | None = None
    with service.client() as client:
        for _ in range(900):
            assert [one.poll() for one in processes] == [None, None], (
                service.folder / "serve.log"
            ).read_text()
            try:
                if client.get("/readyz").status_code == 200:
                    return
            except httpx2.TransportError as exc:
                failure = exc
            time.sleep(0.1)
    logs = [(service.folder / name).read_text() for name in ("serve.log", "error.log")]
    raise AssertionError("\n".join(logs)) from failure


def test_the_printed_commands_leave_a_store_of_the_service_s_user(service):
    owner = service.folder.owner() if switch_user() is None else "nobody"

    assert [path.name for path in service.data.rglob("*") if path.owner() != owner] == []
    assert service.data.parent.stat().st_mode & 0o777 == 0o700
    assert service.first_user.startswith(f"https://{HOST}/welcome#")


def test_an_attachment_of_12_mb_goes_through_and_comes_back(service):
    content = os.urandom(12 * MB)
    with service.client(service.world.key()) as client:
        answer = client.post(
            "/manage/v1/attachments", params={"name": "a.bin"}, content=content,
            headers={"Content-Type": "application/octet-stream"},
        )  # fmt: skip
        assert answer.status_code == 200, answer.text
        url = answer.json()["url"].replace(f"https://{HOST}", service.url)
        link = client.get(url).headers["location"]

        assert client.get(link).content == content


def test_an_upload_of_12_mb_of_tasks_goes_through(service):
    service.world.project("Large")
    with service.client(service.world.key()) as client:
        listed = client.get("/v2/projects").json()["projects"]
        project_id = next(one["id"] for one in listed if one["name"] == "Large")
        line = msgspec.json.encode({"initial_messages": [], "metadata": {"a": "x" * 250_000}})

        answer = client.post(f"/manage/v1/projects/{project_id}/tasks", content=(line + b"\n") * 48)

    assert answer.headers["content-type"] == "application/json", answer.text
    assert answer.status_code == 200, answer.text


def test_an_import_of_12_mb_by_a_browser_goes_through(service):
    somebody = add_person(service.world, "manager")
    rows = (make_task(f"t{n}", metadata={"a": "x" * 250_000}) for n in range(48))
    content = b"".join(msgspec.json.encode(row) + b"\n" for row in rows)
    with service.client() as client:
        browser = Browser(client)
        browser.sign_in(somebody)
        browser.get("/import")

        upload_id = upload_file(browser, content, "tasks.jsonl").json()["job_id"]
        ended(browser, f"/import/file/{upload_id}/progress")
        answer = start_import(browser, upload_id, format="v2")
        assert answer.status_code == 200, answer.text
        job = ended(browser, f"/import/{answer.json()['job_id']}/progress")

    assert len(content) > 12 * MB
    assert (job["state"], job["counts"]["added"]) == ("done", 48), job


def test_what_is_too_large_is_refused_in_our_own_words(service):
    with service.client(service.world.key()) as client:
        answer = client.post("/v2/task/chat", content=bytes(BODY_BYTES_MAX + 1))

    assert answer.status_code == 413
    assert_is_error(413, answer.headers, answer.json())


def test_a_stranger_s_upload_is_refused_before_it_is_kept(service):
    with service.client() as client:
        answer = client.post("/manage/v1/attachments?name=a", content=bytes(12 * MB))

    assert answer.status_code == 401
    assert_is_error(401, answer.headers, answer.json())


@pytest.mark.parametrize("forged", ["127.0.0.1", "203.0.113.9, 127.0.0.1"])
def test_metrics_stay_closed_whatever_a_client_says_of_itself(service, forged):
    with service.client() as client:
        answer = client.get("/metrics", headers={"X-Forwarded-For": forged})

    assert answer.status_code == 404


def test_the_large_bodies_that_nginx_lets_through_are_those_that_plaudit_takes():
    printed = re.search(r"location ~ (\S+) \{", NGINX)
    assert printed is not None
    operations = all_operations(Settings(), Metrics())
    streams = {one.path for one in operations if one.streams and one.method == "POST"}
    streams |= {page.path for page in all_pages() if page.streams}
    others = {one.path for one in (*operations, *all_pages())} - streams

    def is_let_through(path: str) -> bool:
        return re.match(printed[1], re.sub(r"\{\w+\}", "a-1", path)) is not None

    assert len(streams) >= 3
    assert [path for path in streams if not is_let_through(path)] == []
    assert [path for path in others if is_let_through(path)] == []


def test_nginx_waits_longer_than_any_request_takes():
    waits = re.search(r"proxy_read_timeout (\d+)s;", NGINX)

    assert waits is not None
    assert int(waits[1]) > max(REQUEST_SECONDS_MAX, STREAM_SECONDS_MAX)


def test_the_user_that_is_made_has_the_folder_of_the_unit(tmp_path):
    """`useradd` as it is printed, in a folder instead of this machine."""
    if shutil.which("useradd") is None or os.geteuid() != 0:
        pytest.skip("only root makes users")
    (tmp_path / "etc").mkdir()
    for name in ("passwd", "group", "shadow", "gshadow", "login.defs"):
        (tmp_path / "etc" / name).touch()
    printed = next(line for line in COMMANDS[0].splitlines() if line.startswith("useradd "))

    made = printed.replace("useradd ", f"useradd --prefix {tmp_path} ").split()
    subprocess.run(made, check=True, capture_output=True)

    fields = (tmp_path / "etc" / "passwd").read_text().strip().split(":")
    folder = re.search(r"^WorkingDirectory=(.*)$", UNIT, re.M)
    assert folder is not None
    assert (fields[0], fields[5]) == (section_user(), folder[1])


def section_user() -> str:
    """The user that the unit names."""
    found = re.search(r"^User=(.*)$", section_of("docs/operate.md", "As a service"), re.M)
    assert found is not None
    return found[1]
