"""The laws of this code base that a reviewer would otherwise have to watch for.

What may stand only in one place, sizes and forbidden words; layers and rooms are the matter of
test_tidy_layout.py, sentences of test_tidy_sentences.py. Each law names its exceptions here, so
that adding one is a decision somebody sees.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from typing import Any

from tests.support.source import (
    FILES,
    ROOT,
    content,
    lines_with,
    name_of,
    nodes,
    tracked,
    trees,
    written,
)

FILE_LINES_MAX = 420
FUNCTION_LINES_MAX = 60


@cache
def calls(tree: ast.AST) -> list[tuple[int, str]]:
    """Line and dotted name of each attribute that is read, such as `os.environ`."""
    return [(node.lineno, written(node)) for node in nodes(tree) if isinstance(node, ast.Attribute)]


def texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and content of each string that is not a docstring, f-strings included."""
    idle = {
        id(node.value)
        for node in nodes(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in nodes(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in idle:
            yield node.lineno, node.value


def offenders(
    find: Any, forbidden: str, *, except_in: tuple[str, ...] = (), whole: bool = True
) -> list[str]:
    """Where something stands that stands only in the places named."""
    pattern = re.compile(forbidden)
    match = pattern.fullmatch if whole else pattern.search
    return [
        f"{name_of(path)}:{line}: {text[:80]}"
        for path, tree in trees().items()
        if not name_of(path).startswith(except_in or ("\0",))
        for line, text in find(tree)
        if match(text)
    ]


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_only_the_edges_know_the_web_framework():
    found = [
        f"{name_of(path)}:{node.lineno}"
        for path, tree in trees().items()
        for node in nodes(tree)
        if isinstance(node, ast.ImportFrom | ast.Import)
        and {"starlette", "uvicorn", "httptools"}
        & {(getattr(node, "module", "") or "").split(".")[0], *(a.name for a in node.names)}
        and not name_of(path).startswith(("api/", "app.py", "workspace/", "client/connections.py"))
    ]

    assert found == []


def test_drivers_are_imported_by_the_store_alone():
    drivers = {"apsw", "asyncpg", "sqlite3", "psycopg"}
    found = [
        f"{name_of(path)}:{node.lineno}"
        for path, tree in trees().items()
        for node in nodes(tree)
        if isinstance(node, ast.ImportFrom | ast.Import)
        and drivers & {(getattr(node, "module", "") or ""), *(a.name for a in node.names)}
        and not name_of(path).startswith("store/")
    ]

    assert found == []


WAYS_OUT = {
    "httpx2": {
        *("core/outbound/urls.py", "core/outbound/downloads.py", "partitioned/transport.py"),
        *(f"client/{name}.py" for name in ("transport", "connections", "client", "async_client")),
    },
    "urllib.request": {"client/transport.py"},
    "httpcore2": {"core/outbound/http_client.py"},
    "aiosmtplib": {"core/outbound/smtp.py"},
    "socket": {
        "core/outbound/http_client.py",
        "core/outbound/smtp.py",
        "app.py",
        *("api/http/protocol.py", "api/http/one_write.py", "client/connections.py"),
    },
}
"""The client and readers of partitions call the server that their user names, and the client asks
`urllib` for a proxy. Mail names `socket` for its errors alone, the application to see whether a
port is free, the HTTP protocol for an option of what it has accepted.
"""


def test_only_the_one_client_and_mail_reach_out():
    """Whoever else opened a connection would go past the rules for where it may lead."""
    others = {"aiohttp", "ftplib", "http.client", "httpx", "requests", "smtplib"}
    reaching = {*WAYS_OUT, *others, "telnetlib", "urllib3", "websockets"}
    found = {
        (module, name_of(path))
        for path, tree in trees().items()
        for node in nodes(tree)
        if isinstance(node, ast.ImportFrom | ast.Import)
        for module in {getattr(node, "module", "") or "", *(one.name for one in node.names)}
        & reaching
    }
    opening = r".*\b(create_connection|open_connection|sock_connect|open_unix_connection)"

    assert found == {(module, name) for module, names in WAYS_OUT.items() for name in names}
    assert offenders(calls, opening, except_in=("client/connections.py",)) == []


def test_objects_are_kept_by_one_module_and_read_by_another():
    found = {
        name_of(path)
        for path, tree in trees().items()
        for node in nodes(tree)
        if isinstance(node, ast.ImportFrom | ast.Import)
        and any(
            name.split(".")[0] == "obstore"
            for name in (getattr(node, "module", None) or "", *(a.name for a in node.names))
        )
    }

    assert found == {"store/datasets/blob_store.py", "store/transfer/object_file.py"}


def test_nothing_is_imported_inside_a_function():
    found = [
        f"{name_of(path)}:{node.lineno}"
        for path, tree in trees().items()
        if any(
            isinstance(node, ast.Import | ast.ImportFrom) and node.col_offset
            for node in nodes(tree)
        )
        for function in functions(tree)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]

    assert found == []


SQL = (
    r"(?s)\s*(SELECT\b.*\bFROM\b|SELECT 1|INSERT INTO|UPDATE \w+ SET|DELETE FROM|"
    r"CREATE (TABLE|INDEX)|DROP TABLE|ALTER TABLE|PRAGMA|BEGIN( IMMEDIATE)?$|COMMIT$|"
    r"ROLLBACK|SAVEPOINT).*"
)


def test_sql_stands_in_the_store_alone():
    assert offenders(texts, SQL, except_in=("store/",)) == []


def test_the_environment_is_read_by_the_settings_alone():
    assert offenders(calls, r"os\.(environ|getenv|putenv).*", except_in=("settings.py",)) == []


def test_the_wall_clock_is_read_by_clock_alone():
    clocks = r"time\.(time|time_ns|localtime|gmtime|ctime)|(datetime|date)\.(now|utcnow|today)"
    assert offenders(calls, clocks, except_in=("clock.py",)) == []


def test_the_steady_clock_is_read_by_the_edges_alone():
    clocks = r"time\.(perf_counter|monotonic|process_time)(_ns)?"
    edges = ("api/", "workspace/", "client/", "cli/", "app.py", "page_builder.py")
    assert offenders(calls, clocks, except_in=edges) == []


def test_http_statuses_stand_in_the_api_and_its_client_alone():
    numbers = {200, 201, 202, 204, 301, 302, 304, 307, 308, *range(400, 432), *range(500, 505)}
    round_numbers = {200, 400, 500}  # sizes of batches and buffers look like these
    found = [
        f"{name_of(path)}:{node.lineno}: {node.value}"
        for path, tree in trees().items()
        if not name_of(path).startswith(("api/", "workspace/", "client/"))
        for node in nodes(tree)
        if isinstance(node, ast.Constant)
        and type(node.value) is int
        and node.value in numbers - round_numbers
    ]

    assert found == []


def test_nothing_but_the_outermost_frames_catches_everything():
    outermost = (
        *("api/http/middleware.py", "app.py", "cli/__init__.py", "worker.py"),
        *("page_builder.py", "api/http/hot_route.py", "workspace/render/ahead.py"),
        *("api/http/job_runner.py", "client/daemon_executor.py"),
        *("store/engine/sqlite.py", "store/engine/postgres", "store/engine/migrator.py"),
    )
    found = [
        f"{name_of(path)}:{node.lineno}"
        for path, tree in trees().items()
        if not name_of(path).startswith(outermost)
        for node in nodes(tree)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or written(node.type) in ("Exception", "BaseException"))
    ]

    assert found == []


PROGRAMS = (
    *("store/engine/backup.py", "workspace/render/render_pool.py"),
    *("api/transfer/report_process.py", "formats/common/import_pool.py"),
)


def test_nothing_evaluates_unpickles_or_starts_programs():
    """Backups of PostgreSQL run its own tools; rendering, large reports and imports our own.

    Nothing else runs anything, and nothing a shell.
    """
    dangerous = {"eval", "exec", "compile", "__import__", "input", "breakpoint"}
    found = [
        f"{name_of(path)}:{node.lineno}: {written(node.func)}"
        for path, tree in trees().items()
        for node in nodes(tree)
        if isinstance(node, ast.Call)
        and (
            (isinstance(node.func, ast.Name) and node.func.id in dangerous)
            or re.match(r"(pickle|marshal|shelve)\.|os\.(system|popen|exec)", written(node.func))
            or (
                written(node.func).startswith(("subprocess.", "asyncio.create_subprocess"))
                and name_of(path) not in PROGRAMS
            )
            or any(one.arg == "shell" for one in node.keywords)
        )
    ]

    assert found == []


def test_files_and_functions_stay_short():
    long = [
        f"{name_of(path)}: {lines} lines"
        for path in FILES
        if (lines := path.read_text("utf-8").count("\n")) > FILE_LINES_MAX
    ]
    long += [
        f"{name_of(path)}:{one.lineno} {one.name}: {one.end_lineno - one.lineno + 1} lines"
        for path, tree in trees().items()
        for one in functions(tree)
        if (one.end_lineno or 0) - one.lineno + 1 > FUNCTION_LINES_MAX
        and not any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) for node in one.body)
    ]

    assert long == []


def test_nothing_is_left_to_do():
    words = ("TODO", "FIXME", "XXX", "HACK", "WIP")  # tidy: allow
    whole_words = re.compile(rf"\b({'|'.join(words)})\b")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in tracked()
        if any(word in content(path) for word in words)
        for number, line in lines_with(whole_words, path)
        if "# tidy: allow" not in line
    ]

    assert found == []


def test_no_file_names_a_place_on_the_machine_it_was_written_on():
    # below `/work/` our pages live too
    ours = r"work/(main|helpers|shared|\.library)"
    places = re.compile(rf"/(?<![\w.\-/}}]/)((root|tmp|home)/[\w.]|{ours})")  # tidy: allow
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}"
        for path in tracked()
        if path.suffix
        in (".py", ".md", ".toml", ".sql", ".html", ".js", ".css", ".yml", ".lock", "")
        for number, line in lines_with(places, path)
        if "# tidy: allow" not in line
    ]

    assert found == []


def test_no_file_holds_a_key_or_a_secret():
    key = re.compile(r"_(?<=\b(live|test)_)[0-9A-Za-z]{46}\b")
    found = [
        str(path.relative_to(ROOT))
        for path in tracked()
        if path.stat().st_size < 5_000_000 and key.search(content(path))
    ]

    assert found == []


def test_the_lock_file_names_pypi_alone():
    text = (ROOT / "uv.lock").read_text("utf-8")
    hosts = set(re.findall(r'"https?://([^/"]+)', text))
    packages = tomllib.loads(text)["package"]

    assert hosts == {"pypi.org", "files.pythonhosted.org"}
    assert "http://" not in text
    for package in packages:
        files = [*package.get("wheels", ()), *([package["sdist"]] if "sdist" in package else ())]
        assert files or package["source"] == {"editable": "."}, package["name"]
        assert all(file["hash"].startswith("sha256:") for file in files), package["name"]


def test_the_floors_of_what_had_security_faults_hold():
    locked = {
        package["name"]: tuple(int(part) for part in package["version"].split(".")[:3])
        for package in tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))["package"]
        if re.fullmatch(r"[\d.]+", package.get("version", ""))
    }

    assert locked["starlette"] >= (0, 49, 1)
    assert locked["apsw"] >= (3, 51, 3)
    assert locked["jinja2"] >= (3, 1, 6)
    assert locked["h11"] >= (0, 16) if "h11" in locked else True
