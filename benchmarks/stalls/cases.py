"""Requests of `stalls`: the dearest that are known, every page, and every operation."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from msgspec.structs import replace

from benchmarks.stalls.requests import Case, Request, largest_form, largest_json
from benchmarks.stalls.store import (
    CHANGED,
    DRAFT_CHARACTERS,
    DRAFT_FIELDS,
    LARGEST_TASK,
    LISTED_PROJECT,
    PAGE_BATCH,
    StallStore,
    large_turns,
)
from plaudit import app
from plaudit.api.http.bodies import BodyLimit
from plaudit.api.http.operation import Operation
from plaudit.settings import BODY_BYTES_MAX
from plaudit.store.transfer.jobs import JobKind
from plaudit.workspace.http import form_tokens
from plaudit.workspace.http.page import ANYONE, Page
from plaudit.workspace.transfer import upload_pages
from tests.support.builders import make_thread
from tests.support.operations import CANARY, GOOD, NAMES, OPERATIONS, ask
from tests.workspace.http.test_pages import FIELDS

PAGES = app.all_pages()
LAST = (
    "resume_task", "reopen_task", "cancel_batch_on_page", "cancel_batch", "remove_webhook",
    "delete_webhook", "revoke_key", "remove_person", "change_own_password", "end_all_sessions",
    "sign_out",
)  # fmt: skip
"""After these others would be refused; asked for last, in this order."""

TABLE = {
    "format": "table",
    "project": "Table",
    "roles": {"column_0": "prompt", "column_1": "response:1", "column_2": "response:2"},
}
CHOSEN: dict[str, dict[str, Any]] = {
    "save_settings": {"name": NAMES["project_name"]},
    "preview_import": TABLE,
    "start_import": TABLE,
}
"""Fields with which others find what they are about."""

NOBODY = "session-of-nobody"
"""Session of a browser in which nobody is signed in, as open pages set it."""

ASKED_KEYS = 700_000
METADATA_KEYS = 80_000
"""So many that they have little less than the largest metadata."""

JSON_HEADERS = {"Accept": "application/json", "Content-Type": "application/json"}
HTML_HEADERS = {"Accept": "text/html"}
FORM_HEADERS = HTML_HEADERS | {"Content-Type": "application/x-www-form-urlencoded"}

ABSENT = ("token", "view_id", "action_id", "sample_id", "team_id", "link_id", "member_id")
"""Names in paths of pages about what the store has none of."""


def known_cases(store: StallStore) -> Iterator[Case]:
    """Requests that held the loop, or kept others waiting, before each was mended."""
    empty_lists = (b"[]," * (BODY_BYTES_MAX // 3))[:-1]
    stranger = _script(store, NOBODY)
    yield Case(
        "10 MB of `[],` without signing in",
        "look_at_invitation",
        [Request("POST", "/welcome/look", stranger, b"[" + empty_lists + b"]")],
    )
    for turns, path in store.chats.items():
        looked_at = Request("GET", path, HTML_HEADERS | cookie(store.admin))
        yield Case(f"annotation page of {turns:,} turns", "show_task", [looked_at])
    texts = store.plan.stall_hostile_texts
    yield Case(
        f"{len(store.hostile)} viewers of {texts} texts of `![`",
        "show_task",
        [Request("GET", path, HTML_HEADERS | cookie(session)) for path, session in store.hostile],
    )
    keyed = {"Authorization": f"Bearer {store.key}"}
    listed = "/v2/tasks?" + urlencode({"project_name": LISTED_PROJECT, "limit": 100})
    size = f"{store.plan.stall_task_bytes / 1e6:g} MB"
    yield Case(
        f"page of {store.plan.stall_tasks} tasks of {size}",
        "list_tasks",
        [Request("GET", listed, keyed)],
    )
    largest = f"{store.plan.stall_largest_bytes / 1e6:g} MB"
    yield Case(
        f"task of {largest}",
        "get_task",
        [Request("GET", f"/v2/task?task_id={LARGEST_TASK}", keyed)],
    )
    seen = HTML_HEADERS | cookie(store.admin)
    managed = f"/projects/{NAMES['project_id']}/tasks"
    reviewed = f"/review/{NAMES['project_id']}/tasks"
    for name, task_id in ((size, NAMES["task_id"]), (largest, LARGEST_TASK)):
        yield Case(
            f"manager's page of a task of {name}",
            "show_managed_task",
            [Request("GET", f"{managed}/{task_id}", seen)],
        )
        yield Case(
            f"review page of a task of {name}",
            "show_review_task",
            [Request("GET", f"{reviewed}/{task_id}", seen)],
        )
    yield from _drafts(store)
    yield from _creations(keyed)


def _drafts(store: StallStore) -> Iterator[Case]:
    """A draft that is refused, and the largest one that is kept."""
    answers = [
        {"at": "t0u0", "key": f"why_{number}", "value": "x" * DRAFT_CHARACTERS}
        for number in range(DRAFT_FIELDS)
    ]
    refused = [{"at": "t0u0", "key": "why_0", "value": "x" * BODY_BYTES_MAX}]
    for name, given in (("draft of 10 MB", refused), ("largest draft", answers)):
        body = {"lease_version": 1, "revision": 1, "active_ms": 1, "answers": given}
        yield Case(
            name,
            "save_draft",
            [
                Request(
                    "POST",
                    f"{store.draft}/draft",
                    _script(store, store.admin),
                    json.dumps(body).encode(),
                )
            ],
        )


def _creations(keyed: Mapping[str, str]) -> Iterator[Case]:
    """Tasks with too many members, with the largest metadata, and with the largest texts."""
    named = {"project_id": NAMES["project_id"]}
    bodies: dict[str, Any] = {
        f"{ASKED_KEYS:,} keys": {"metadata": {f"k{number}": 1 for number in range(ASKED_KEYS)}},
        f"metadata of {METADATA_KEYS:,} keys": {
            "metadata": {f"k{number}": 1 for number in range(METADATA_KEYS)}
        },
        "largest conversation": {"template_variables": _variables(BODY_BYTES_MAX - 1_000)},
    }
    for name, body in bodies.items():
        content = _encoded(named | body)
        request = Request("POST", "/v2/task/chat", keyed | JSON_HEADERS, content)
        yield Case(f"new task: {name}", "create_task", [request])


def page_cases(store: StallStore) -> Iterator[Case]:
    """Every page as the admin sees it, and every change with its largest body."""

    for page in sorted(PAGES, key=lambda page: (page.changes, _turn(page.page_id))):
        yield Case(f"{page.method} {page.path}", page.page_id, [_request_of_page(page, store)])


def _request_of_page(page: Page, store: StallStore) -> Request:
    path = _path_of(page, store)
    session = NOBODY if page.role == ANYONE else store.admin
    if not page.changes:
        return Request(page.method, path, HTML_HEADERS | cookie(session))
    fields = FIELDS[page.page_id] | CHOSEN.get(page.page_id, {})
    if page.streams is not None:
        headers = _script(store, session) | {"Content-Type": page.streams}
        content = _lines(store.plan.stall_task_bytes)
        return Request(page.method, f"{path}?{urlencode(fields)}", headers, content)
    if page.body is not None:
        content = largest_json(fields, _within(store, page.body_limit), is_open=_is_open(page.body))
        return Request(page.method, path, _script(store, session), content)
    content = largest_form(
        fields | {"csrf": _token(store, session)}, _within(store, page.body_limit)
    )
    return Request(page.method, path, FORM_HEADERS | cookie(session), content)


def operation_cases(store: StallStore) -> Iterator[Case]:
    """Every operation of the API about the largest objects, with its largest body."""
    for operation in sorted(OPERATIONS, key=lambda one: _turn(one.operation_id)):
        yield Case(
            f"{operation.method} {operation.path}",
            operation.operation_id,
            [_request_of(operation, store)],
        )


class _Recorder:
    """A client that returns requests and sends none."""

    def __init__(self, operation: Operation, store: StallStore) -> None:
        self._operation, self._store = operation, store

    def request(
        self,
        *,
        method: str,
        url: str,
        params: Mapping[str, str],
        follow_redirects: bool,
        json: Mapping[str, Any] | None = None,
        content: bytes | None = None,
    ) -> Request:
        headers = {"Authorization": f"Bearer {self._store.key}"}
        if content is not None:
            headers["Content-Type"] = "application/octet-stream"
            return Request(method, f"{url}?{urlencode(params)}", headers, content)
        content = b""
        if self._operation.operation_id in LARGE_FIELDS and json is not None:
            content = _encoded({**json, **LARGE_FIELDS[self._operation.operation_id](self._store)})
            headers |= JSON_HEADERS
        elif json is not None:
            is_open = _is_open(self._operation.body)
            limit = _within(self._store, self._operation.body_limit)
            content = largest_json(json, limit, is_open=is_open)
            headers |= JSON_HEADERS
        elif method == "POST":
            content = _lines(self._store.plan.stall_task_bytes)
            headers["Content-Type"] = "application/x-ndjson"
        target = f"{url}?{urlencode(params)}" if params else url
        return Request(method, target, headers, content)


LARGE_FIELDS: dict[str, Callable[[StallStore], dict[str, Any]]] = {
    "create_task": lambda store: {"template_variables": _variables(store.plan.stall_task_bytes)},
    "complete_task": lambda store: {"threads": [_thread(store)]},
    "fail_task": lambda store: {
        "errors": [{"type": "INVALID_CATEGORY", "message": "x" * store.plan.stall_task_bytes}]
    },
    "create_dataset_delivery": lambda store: {
        "tasks": [{"response": {"threads": [_thread(store)]}}]
    },
}
"""The largest that these take is a conversation, or reasons."""


def _variables(size: int) -> dict[str, Any]:
    return {"prompt": "x", "responses": ["x" * (size // 20)] * 20}


def _thread(store: StallStore) -> dict[str, Any]:
    thread: dict[str, Any] = make_thread(turns=large_turns(store.plan.stall_task_bytes))
    return thread


def _encoded(body: Any) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()


def _turn(name: str) -> int:
    """Place among those that are asked for last."""
    return LAST.index(name) if name in LAST else -1


def _request_of(operation: Operation, store: StallStore) -> Request:
    good = max(GOOD.get(operation.operation_id, [{}]), key=lambda one: len(str(one)))
    if operation.operation_id in CHANGED:
        good = good | {"task_id": f"{operation.operation_id}_{CANARY}"}
    if operation.operation_id == "follow_attachment_link":
        good = good | {"attachment_id": NAMES["attachment_id"]}
    found: Request = ask(_Recorder(operation, store), operation, good)  # type: ignore[arg-type]
    return found


def _path_of(page: Page, store: StallStore) -> str:
    """The path of a page about the store's objects."""
    names = NAMES | {
        "session_id": "absent",
        "assignment_id": store.assignment.split("/")[-1],
        "task_id": LARGEST_TASK,
        "batch_id": PAGE_BATCH,
        "endpoint_id": NAMES["ended_endpoint_id"],
        "name": "sample.csv",
        "number": "1",
        "seal": store.seal,
        "crossing_id": "absent",
        **dict.fromkeys(ABSENT, "absent"),
        "job_id": store.job_ids[JobKind.delivery],
    }
    for kind in JobKind:
        if kind.value in page.path:
            names["job_id"] = store.job_ids[kind]
    if page.path.startswith(upload_pages.FILE):
        names["job_id"] = store.job_ids[JobKind.upload]
    query = f"?other={NAMES['delivery_id']}" if page.path.endswith("/diff") else ""
    return page.path.format(**names) + query


def _within(store: StallStore, limit: BodyLimit) -> BodyLimit:
    """The bound of a body, or that of the plan where it is lower."""
    return replace(limit, bytes_max=min(limit.bytes_max, store.plan.stall_body_bytes))


def _lines(size: int) -> bytes:
    """A file of tasks of so many bytes, one a line."""
    line = json.dumps({"template_variables": {"prompt": "x" * 10_000}}).encode() + b"\n"
    return line * (size // len(line))


def _is_open(body: Any) -> bool:
    """True where a body may have members that nobody knows."""
    return not body.__struct_config__.forbid_unknown_fields


def _script(store: StallStore, session: str) -> dict[str, str]:
    """Headers of a request by a page's script."""
    return JSON_HEADERS | cookie(session) | {"X-CSRF-Token": _token(store, session)}


def _token(store: StallStore, session: str) -> str:
    return form_tokens.mask(store.secret.form_tokens(session)[0])


def cookie(session: str) -> dict[str, str]:
    return {"Cookie": f"plaudit={session}"}
