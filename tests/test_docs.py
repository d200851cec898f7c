"""The documents are true: examples run, tables are complete, references lead somewhere."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from plaudit import cli, ids, json_guard, mailbox, settings
from plaudit.api.http import bodies, parameters, problems
from plaudit.api.http.metrics import Metrics
from plaudit.api.http.operation import Operation
from plaudit.api.manage import deliveries
from plaudit.api.v2 import reads
from plaudit.app import all_operations
from plaudit.cli import import_files
from plaudit.core.accounts import api_keys
from plaudit.core.common import look_alikes, names, page_tokens
from plaudit.core.datasets import attachments, datasets
from plaudit.core.deliveries import builder
from plaudit.core.outbound import downloads, http_client, smtp, url_length
from plaudit.core.tasks import bulk_upload, forms, projects
from plaudit.core.transfer import importer, jobs
from plaudit.core.webhooks import endpoints
from plaudit.formats import import_format, oasst
from plaudit.formats.common import row_store
from plaudit.formats.containers import content, delimited
from plaudit.formats.registry import FORMATS
from plaudit.formats.table import mapping_checks
from plaudit.settings import VARIABLES, Settings
from plaudit.store.common import pages
from plaudit.store.deliveries import frozen_tasks
from plaudit.store.engine import postgres, sqlite
from plaudit.wire.v2 import parse, size_limits
from plaudit.workspace.annotate import portions
from plaudit.workspace.projects import task_pages
from tests.support.running.every_case import every_case

ROOT = Path(__file__).parents[1]
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
OPERATIONS = all_operations(Settings(), Metrics())
BIN = Path(sys.executable).parent
DEFAULT_ADDRESS = "http://127.0.0.1:8000"

# The operations of the API we speak, as its documentation and its official client have them.
CONTRACT = (
    "GET /v2/tasks", "GET /v2/task", "POST /v2/task/chat", "POST /v2/task/metadata",
    "GET /v2/batch", "GET /v2/batches", "POST /v2/batch", "POST /v2/batch/finalize",
    "POST /v2/batch/pause", "POST /v2/batch/resume", "POST /v2/batch/cancel",
    "POST /v2/batch/metadata", "GET /v2/project", "GET /v2/projects", "GET /v2/deliveries",
    "GET /v2/delivery", "GET /v2/delivery/tasks", "GET /v2/schema", "GET /v2/annotation",
    "GET /v2/datasets", "GET /v2/datasets/deliveries", "GET /v2/datasets/delivery",
    "GET /v2/datasets/tasks", "GET /v2/datasets/task",
    "GET /v2/datasets/task/{taskId}/response_url/{attachmentId}", "GET /v2/openapi",
    "GET /v1/task/{taskId}",
    # Of the documentation alone:
    "GET /v2/model_endpoints", "GET /v2/model_version_configs",
    "POST /v2/model_version_configs", "GET /v2/model_version_configs/{id}",
    "POST /v2/autoevals", "POST /v2/autoevals/retry",
    "POST /v2/autoevals/terminate", "GET /v2/autoevals/statuses",
    "GET /v2/autoevals/{jobId}/status", "GET /v2/autoevals/{jobId}/results",
    "GET /v2/autoevals/model_version_configs/{id}/statuses",
)  # fmt: skip


class Block(NamedTuple):
    """A fenced block of a document: its marks (`sh run` is sh, run) and its text."""

    document: str
    number: int
    marks: tuple[str, ...]
    text: str

    def __str__(self) -> str:
        return f"{self.document}-{self.number}"


def text_of(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def blocks_of(path: Path) -> list[Block]:
    name = str(path.relative_to(ROOT))
    found = re.findall(r"^```([^\n]*)\n(.*?)^```$", path.read_text("utf-8"), re.M | re.S)
    return [Block(name, n, tuple(marks.split()), text) for n, (marks, text) in enumerate(found)]


def section_of(name: str, heading: str) -> str:
    """What stands under a heading, up to the next one of any level."""
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", text_of(name), re.M | re.S)
    assert found is not None, f"{name} has no heading {heading!r}"
    return found[1]


BLOCKS = [block for path in DOCUMENTS for block in blocks_of(path)]


@every_case("operation", OPERATIONS)
def test_every_route_and_parameter_is_described(operation: Operation):
    route = f"{operation.method} {operation.path}"

    if operation.path.startswith(("/v1/", "/v2/", "/manage/v1/")) and operation.role is not None:
        described = section_of("docs/api.md", route)
    else:
        described = section_of("docs/api.md", "The server itself")
        assert f"`{route}`" in described

    for name in parameters.parameters_of(operation.query):
        assert f"`{name}`" in described


def test_every_member_of_a_form_s_field_is_described_with_each_of_its_words():
    section = section_of("docs/api.md", "Forms")
    fields, _, conditions = section.partition("A **condition**")

    def described(part: str) -> dict[str, str]:
        rows = re.findall(r"^\| (`[^|]+) \| ([^|]+) \|", part, re.M)
        return {name: cell for names, cell in rows for name in re.findall(r"`(\w+)`", names)}

    of_field, of_condition = described(fields), described(conditions)

    assert set(of_field) == set(forms.Field.__struct_fields__)
    assert set(of_condition) == set(forms.Condition.__struct_fields__)
    for name, words in forms.Form.ACCEPTED.items():
        cell = (of_condition if name == "operator" else of_field)[name]
        assert re.findall(r"`(\w+)`", cell) == [str(word) for word in words]


def test_every_error_code_is_described_with_its_status():
    rows = re.findall(r"^\| (\d+) \| ([^|]+) \|", section_of("docs/api.md", "Errors"), re.M)
    described = {(int(s), code) for s, cell in rows for code in re.findall(r"`(\w+)`", cell)}

    real = {(status, kind.code) for kind, status in problems.STATUSES.items()}

    assert described == real


def test_the_settings_described_are_the_settings_there_are():
    described = re.findall(
        r"^\| `(PLAUDIT_\w+)` \|", section_of("docs/operate.md", "Settings"), re.M
    )
    mentioned = {name for path in DOCUMENTS for name in re.findall(r"PLAUDIT_\w+", text_of(path))}

    assert sorted(described) == sorted(VARIABLES)
    assert {name for name in mentioned if "_TEST_" not in name} <= {*VARIABLES, "PLAUDIT_KEY"}


def test_the_import_formats_described_are_those_there_are():
    described = re.findall(
        r"^\| \[`([\w-]+)`\]\([^)]+\) \| ([^|]+) \|",
        section_of("docs/import.md", "Formats"),
        re.M,
    )

    assert dict(described) == {shown.name: shown.title for shown in FORMATS.values()}


def commands() -> Iterator[tuple[str, Any]]:
    """Every command, with the words that call it."""
    for name in cli.app:
        if name.startswith("-"):
            continue
        inner = [one for one in cli.app[name] if not one.startswith("-")]
        for below in inner:
            yield f"plaudit {name} {below}", cli.app[name][below]
        if not inner:
            yield f"plaudit {name}", cli.app[name]


@every_case("words", [words for words, _ in commands()])
def test_every_command_and_option_is_described(words):
    manuals = (
        *("docs/operate.md", "README.md", "docs/import.md", "docs/import/table.md"),
        *("docs/export.md", "docs/pull.md", "docs/quality/report.md"),
    )
    described = "".join(map(text_of, manuals))
    options = {
        name
        for argument in dict(commands())[words].assemble_argument_collection()
        for name in argument.names
        if argument.index is None and not name.startswith(("--no-", "--empty-"))
    }

    assert words in described or words.replace("plaudit", "make", 1) in described
    assert [option for option in sorted(options) if option not in described] == []


@every_case(
    "name, shown, limit",
    [
        ("api.md", "100", reads.LIMIT_MAX),
        ("api.md", "32 MiB |", pages.PAGE_BYTES_MAX / 1024**2),
        ("api.md", "4,096 characters", parameters.VALUE_CHARS_MAX),
        ("api.md", "2,048 characters", page_tokens.TOKEN_CHARS_MAX),
        ("api.md", "16 KiB", settings.HEADER_BYTES_MAX / 1024),
        ("api.md", "10 s", settings.HEADER_SECONDS_MAX),
        ("api.md", "10 MiB", settings.BODY_BYTES_MAX / 1024**2),
        ("api.md", "4 MiB; 1 MiB; 64 KiB", bodies.METADATA_BODY.bytes_max / 1024**2),
        ("api.md", "1 MiB; 64 KiB", bodies.TEXT_BODY.bytes_max / 1024**2),
        ("api.md", "64 KiB", bodies.SMALL_BODY.bytes_max / 1024),
        ("api.md", "300,000", bodies.LARGE_BODY.structure_max),
        ("api.md", "100,000; 30,000; 2,000", bodies.TEXT_BODY.structure_max),
        ("api.md", "30,000; 2,000", 3 * deliveries.DELIVERY_TASKS_MAX),
        ("api.md", "2,000 |", bodies.SMALL_BODY.structure_max),
        ("operate.md", "64 KiB; 128 KiB; 2 MiB; 1 MiB", bodies.SMALL_BODY.bytes_max / 1024),
        ("operate.md", "128 KiB; 2 MiB", bodies.NOTE_BODY.bytes_max / 1024),
        ("operate.md", "2 MiB; 1 MiB", bodies.ANSWERS_BODY.bytes_max / 1024**2),
        ("operate.md", "4 KiB", bodies.OPEN_BODY.bytes_max / 1024),
        ("operate.md", "1; 64", bodies.THREADS),
        ("operate.md", "64 |", bodies.WAITING_MAX),
        ("api.md", "30 s", settings.REQUEST_SECONDS_MAX),
        ("api.md", "1 GiB", settings.STREAM_BYTES_MAX / 1024**3),
        ("api.md", "600 s", settings.STREAM_SECONDS_MAX),
        ("api.md", "100,000 lines", bulk_upload.ROWS_MAX),
        ("api.md", "200, or 4 MiB", bulk_upload.CHUNK_ROWS),
        ("api.md", "4 MiB", bulk_upload.CHUNK_BYTES / 1024**2),
        ("api.md", "256 KiB", projects.DETAIL_BYTES_MAX / 1024),
        ("api.md", "50,000 characters", projects.GUIDELINES_CHARS_MAX),
        ("api.md", "200; 1,000", forms.FIELDS_MAX),
        ("api.md", "1,000 |", forms.VALUES_MAX),
        ("api.md", "1,000 |", api_keys.ACTIVE_KEYS_MAX),
        ("api.md", "60 s", settings.IDLE_SECONDS_MAX),
        ("api.md", "1,000", settings.CONNECTIONS_MAX),
        ("api.md", "500 bytes a second", settings.BYTES_PER_SECOND_MIN),
        ("api.md", "20 s; an answer", settings.RATE_WINDOW_S),
        ("api.md", "5 s, then the connection ends", settings.LINGER_SECONDS_MAX),
        ("api.md", "32 |", settings.PIPELINED_MAX),
        ("api.md", "200 |", settings.CONNECTIONS_PER_NETWORK_MAX),
        ("api.md", "100; of one such address", settings.UNREAD_MAX),
        ("api.md", "20 |", settings.UNREAD_PER_NETWORK_MAX),
        ("api.md", "100 |", endpoints.ENDPOINTS_MAX),
        ("operate.md", "10 MiB, after decompression", import_format.LINE_BYTES_MAX / 1024**2),
        ("operate.md", "10,000, and 64 MiB", row_store.ROWS_PER_ITEM_MAX),
        ("operate.md", "64 MiB in all", row_store.BYTES_PER_ITEM_MAX / 1024**2),
        ("operate.md", "1 MiB; a mapping", import_files.FILE_BYTES_MAX / 1024**2),
        ("operate.md", "64 responses", mapping_checks.RESPONSES_MAX),
        ("operate.md", "64 MiB, after decompression", size_limits.ARCHIVE_LINE_BYTES_MAX / 1024**2),
        ("operate.md", "1 MiB", size_limits.METADATA_BYTES_MAX / 1024**2),
        ("operate.md", "24 MiB; 24 MiB", size_limits.CONVERSATION_BYTES_MAX / 1024**2),
        ("operate.md", "10 MiB |", size_limits.REASONS_BYTES_MAX / 1024**2),
        ("api.md", "1 MiB", size_limits.METADATA_BYTES_MAX / 1024**2),
        ("api.md", "24 MiB; 24 MiB", size_limits.CONVERSATION_BYTES_MAX / 1024**2),
        ("api.md", "10 MiB", size_limits.TEXT_BYTES_MAX / 1024**2),
        ("operate.md", "10,000", parse.MESSAGES_PER_TASK_MAX),
        ("operate.md", "10,000", oasst.THREADS_PER_TREE_MAX),
        ("operate.md", "64 levels", json_guard.DEPTH_MAX),
        ("operate.md", "255 characters, no control", ids.ID_CHARS_MAX),
        ("operate.md", "255 characters and 1,020 bytes", names.CODE_POINTS_MAX),
        ("operate.md", "1,020 bytes", names.BYTES_MAX),
        ("operate.md", "10,000 others", look_alikes.COMPARED_MAX),
        ("operate.md", "5 minutes", importer.FUTURE_MS_MAX / 60_000),
        ("operate.md", "1,000, or 8 MiB", importer.CHUNK_ROWS),
        ("operate.md", "8 MiB", importer.CHUNK_BYTES / 1024**2),
        ("api.md", "10,000", deliveries.DELIVERY_TASKS_MAX),
        ("api.md", "10,000", datasets.TASKS_MAX),
        ("api.md", "10 MiB", datasets.TASK_BYTES_MAX / 1024**2),
        ("api.md", "1,000 |", datasets.ATTACHMENTS_PER_TASK_MAX),
        ("api.md", "1 GiB", attachments.UPLOAD_BYTES_MAX / 1024**3),
        ("api.md", "300 s", attachments.LINK_SECONDS),
        ("api.md", "1,000; 100", deliveries.MANIFEST_LIMIT_MAX),
        ("api.md", "100 |", deliveries.CHANGES_LIMIT_MAX),
        ("operate.md", "200, or 4 MiB", frozen_tasks.FROZEN_AT_ONCE),
        ("operate.md", "4 MiB", builder.CHUNK_BYTES / 1024**2),
        ("operate.md", "5 s", sqlite.BUSY_MS / 1000),
        ("operate.md", "10 |", postgres.CONNECTIONS_MAX),
        ("operate.md", "2 s; 2 s; 10 s", postgres.WAIT_SECONDS_MAX),
        ("operate.md", "15 s; 5 s; 5 s", http_client.DEADLINE_SECONDS),
        ("operate.md", "15 s; 5 s", smtp.DEADLINE_SECONDS),
        ("operate.md", "5 s; 5 s", http_client.LOOKUP_SECONDS_MAX),
        ("operate.md", "5 s |", http_client.CONNECT_SECONDS_MAX),
        ("operate.md", "64 KiB", http_client.ANSWER_BYTES_MAX / 1024),
        ("operate.md", "2,048 characters", url_length.URL_CHARS_MAX),
        ("operate.md", "254 characters", mailbox.CHARS_MAX),
        ("operate.md", "4 GiB unless", settings.INFLATED_BYTES_MAX / 1024**3),
        ("operate.md", "64 MiB, 100 times", content.INFLATED_BYTES_FREE / 1024**2),
        ("operate.md", "100 times its own", content.INFLATION_MAX),
        ("operate.md", "16,384 |", delimited.COLUMNS_MAX),
        ("operate.md", "5 |", downloads.REDIRECTS_MAX),
        ("operate.md", "32 MiB, which", 2**content.WINDOW_BITS_MAX / 1024**2),
        ("operate.md", "30 turns, 60,000 characters, 200", portions.FIRST_MAX.turns),
        ("operate.md", "60,000 characters, 200 questions", portions.FIRST_MAX.characters),
        ("operate.md", "200 questions; one turn", portions.FIRST_MAX.questions),
        ("operate.md", "90 turns, 180,000 characters, 600", portions.FURTHER_MAX.turns),
        ("operate.md", "180,000 characters, 600 questions", portions.FURTHER_MAX.characters),
        ("operate.md", "600 questions; one turn", portions.FURTHER_MAX.questions),
        ("operate.md", "10 turns, 20,000 characters", portions.LED_BY_MAX),
        ("operate.md", "20,000 characters |", portions.LED_BY_CHARACTERS_MAX),
        ("operate.md", "64 KiB |", task_pages.JSON_BYTES_MAX / 1024),
        ("operate.md", "1 GiB", settings.STREAM_BYTES_MAX / 1024**3),
        ("operate.md", "1,000 |", jobs.REJECTS_KEPT_MAX),
        ("operate.md", "12 hours", jobs.FILE_KEPT_MS / 3_600_000),
    ],
)
def test_a_limit_is_described_as_it_is(name, shown, limit):
    number = re.match(r"[\d,]+", shown)

    assert number is not None
    assert int(number[0].replace(",", "")) == limit
    assert shown in section_of(f"docs/{name}", "Limits")


@every_case("operation", CONTRACT)
def test_every_operation_of_the_contract_is_accounted_for(operation):
    """Each has a row with a verdict; one that is served has no row that says it is missing."""
    served = {f"{one.method} {one.path}" for one in OPERATIONS}

    row = re.search(rf"^\| `{re.escape(operation)}`[^|]*\| (\w+)", COMPATIBILITY, re.M)

    assert row is not None
    assert row[1] in ("same", "stricter", "missing")
    assert (row[1] == "missing") == (operation not in served)


COMPATIBILITY = text_of("docs/compatibility.md")


def test_every_ambiguous_point_is_accounted_for():
    rows = re.findall(r"^\| A(\d+) \|", COMPATIBILITY, re.M)

    assert rows == [str(number) for number in range(1, 27)]


def test_every_test_named_as_proof_exists():
    for file, name in re.findall(r"`([\w/]+\.py)::(\w+)`", COMPATIBILITY):
        assert (ROOT / "tests" / file).exists(), file
        assert re.search(rf"^def {name}\(", text_of(f"tests/{file}"), re.M), f"{file}::{name}"


def test_every_point_that_is_claimed_names_a_proof():
    """A row that says `same` or `stricter` names at least one test."""
    claims = re.findall(r"^\|.*\| (?:same|stricter)[^|]*\|([^|\n]*)\|$", COMPATIBILITY, re.M)

    assert len(claims) > 50
    assert [claim for claim in claims if "::test_" not in claim] == []
