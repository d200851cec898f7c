"""The same request gets the same bytes from SQLite and from PostgreSQL, whatever it asks."""

from __future__ import annotations

import itertools
import random
import string
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote

import pytest

from plaudit import clock, ids
from plaudit.api.http.parameters import DateTime, Enum, EnumList, IntRange, parameters_of
from plaudit.api.v2 import reads
from plaudit.core.accounts import api_keys
from plaudit.store.accounts import organizations
from tests.support.builders import make_annotation, make_message, make_task, make_thread, make_turn
from tests.support.harness import World
from tests.support.sample_tasks import archive_rows, mixed_tasks

SAMPLE = Path(__file__).parents[2] / "src" / "plaudit" / "demo" / "sample.jsonl"
REQUESTS = 1500
SEED = 4471

# Ids that collations other than the bytes' own would put in another order, all made at once.
ODD_IDS = ["Project-B", "project-a", "PROJECT-a", "projét", "project 😀", "project\uffee", "p%2F/ä"]
KEYS = ("admin", "read", "test", "other", "revoked", "nobody", "none")
HOSTILE = [
    "", " ", "%", "'", "' OR 1=1 --", "\\", "\"", "%00", "%ff", "%F0%9F%98%80", "%ED%A0%80", "null",
    "-1", "0", "1e3", "NaN", "9" * 18, "9" * 19, "9" * 400, "a" * 255, "a" * 256, "a" * 4097,
    "..%2F..", "%2525", "true", "[]", "{}", "%E2%80%AE", "project_123%20", "PROJECT_123",
    "proje%CC%81t", "proj%C3%A9t", "2025-01-01", "+", "*", "_", "%25", "%C3%28", "a%0Ab", "%c2%a0",
]  # fmt: skip
MOMENTS = [
    "2025-01-01", "2025-01-02T00:00:05Z", "2025-01-02T00:00:05.000Z", "2025-01-02T00:00:05.0001Z",
    "2025-01-02T00:01:00+00:00", "2025-01-02T00:01:00%2B0000", "2025-01-02 00:02:00",
    "2025-01-01T08:31:03.169Z", "2025-01-01T08:31:03.168999Z", "0001-01-01", "9999-12-31T23:59:59Z",
    "2025-01-02T02:00:30+02:00", "2030-01-01T00:00:00Z", "2025-03-03T09:00:25.768Z",
]  # fmt: skip
HOSTILE_MOMENTS = ["2025-02-30", "0000-01-01", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00%2B1",
                   "1735689600", "today", "2025-01-01T25:00:00Z", "2025-1-1"]  # fmt: skip


def odd_rows() -> list:
    """Projects, batches and tasks with ids that sort differently under other collations."""
    at = {"created_at": "2025-01-01T08:31:03.169Z"}
    found = []
    for number, one in enumerate(ODD_IDS):
        found.append({"kind": "project", "value": {"id": one, "name": f"Name of {one}", **at}})
        batch = {"id": f"batch {one}", "name": "Same name", "project": one, **at}
        status = ("in_progress", "paused", "completed", "cancelled")[number % 4]
        done = {"completed_at": f"2025-02-0{number + 1}T00:00:00Z"} if number % 4 > 1 else {}
        found.append({"kind": "batch", "value": batch | done | {"status": status}})
    for number in range(240):
        project = ODD_IDS[number % len(ODD_IDS)]
        status = ("completed", "completed", "pending", "canceled", "error")[number % 5]
        fields = {"project": project, "metadata": {"n": number, "é": [1.5, None, "😀"]}}
        is_cancelled = number % len(ODD_IDS) % 4 == 3  # its batch, which takes no pending task
        if number % 3 == 0 and not (is_cancelled and status == "pending"):
            fields["batch"] = f"batch {project}"
        if status == "completed":
            # Several tasks share each time.
            fields["completed_at"] = f"2025-01-02T00:0{number % 3}:{number % 12:02d}.000Z"
            note = make_annotation(id=f"foreign {number}", type="integer", value=number)
            turn = make_turn(
                messages=[make_message("user", "¿?"), make_message(annotations=[note])]
            )
            fields["threads"] = [make_thread(turns=[turn])]
        found.append({"kind": "task", "value": make_task(f"odd {number:03d}", status, **fields)})
    return found


def filled(settings, monkeypatch, now: int) -> tuple[World, dict[str, str]]:
    """A store with the same in it each time: the ids it makes and the time are given."""
    numbers, storage = itertools.count(1), random.Random(SEED)
    with monkeypatch.context() as patch:
        patch.setattr(ids, "mint", lambda prefix: f"{prefix}_{next(numbers):032x}")
        patch.setattr(ids, "mint_key", lambda: storage.getrandbits(62) | 1)
        patch.setattr(clock, "now_ms", lambda: now)
        world = World(settings)
        world.org()
        mixed = archive_rows(mixed_tasks())
        mixed[0]["value"] = mixed[0]["value"] | {"name": "Of every shape"}
        for rows in (SAMPLE, mixed, odd_rows()):
            _, rejects = world.load(rows, "archive")
            assert rejects == []
        world.org("other")
        world.load(
            archive_rows([make_task("task_full"), make_task("theirs")]), "archive", org="other"
        )

        async def same_epoch(tx):
            await tx.run("UPDATE store_epoch SET epoch = 7", {})

        world.run(world.db.write(same_epoch))
        keys = {
            "admin": world.key(), "read": world.key(role="read"), "test": world.key(mode="test"),
            "other": world.key("other"), "revoked": world.key(), "nobody": "live_" + "a" * 46,
        }  # fmt: skip
        world.run(revoke(world, keys["revoked"]))
    return world, keys


async def revoke(world: World, key: str) -> None:
    environment_id = await api_keys.get_environment(world.db, "default", "live")

    async def work(tx):
        found, _ = await organizations.find_key_by_digest(tx, world.secret.key_digests(key)[0])
        await organizations.revoke_key(
            tx, environment_id=environment_id, key_id=found.key_id, now=1
        )

    await world.db.write(work)


class Requests:
    """An endless series of requests, the same for the same seed."""

    def __init__(self) -> None:
        self._random = random.Random(SEED)
        self._tokens: list[tuple[str, str, str]] = []
        self._named = {
            "project_id": ["project_123", "project_preference", "project_rubrics", *ODD_IDS],
            "project_name": ["Of every shape", "Mixed", *[f"Name of {one}" for one in ODD_IDS]],
            "batch_id": ["batch_123", *[f"batch {one}" for one in ODD_IDS]],
            "batch_name": ["First batch", "Same name"],
            "task_id": ["task_full", "task_error", "theirs", *[f"odd {n:03d}" for n in range(240)]],
            "annotation_id": [
                *[f"foreign {n}" for n in range(240)], "ann_t0u0a0_task_plain",
                "ann_t0u0m1a0_task_full", "ann_t0u0m1a0_task_in_batch", "ann_t0u0a0_task_pending",
            ],
        }  # fmt: skip

    def learn(self, path: str, key: str, token: str) -> None:
        """A token that an answer held; later requests follow it, spoil it, or misuse it."""
        self._tokens.append((path, key, token))
        del self._tokens[:-60]

    def next(self) -> tuple[str, str, str]:
        """A method, a target, and whose key."""
        some = self._random
        if self._tokens and some.random() < 0.3:
            return self._follow()
        operation = some.choices(
            reads.OPERATIONS, weights=[5 if o.path == "/v2/tasks" else 1 for o in reads.OPERATIONS]
        )[0]
        key = some.choices(KEYS, weights=[20, 8, 1, 2, 1, 1, 1])[0]
        method = some.choices(["GET", "HEAD", "POST", "OPTIONS"], weights=[60, 1, 1, 1])[0]
        return method, f"{operation.path}?{'&'.join(self._query(operation))}", key

    def _follow(self) -> tuple[str, str, str]:
        some = self._random
        path, key, token = some.choice(self._tokens)
        how = some.random()
        if how < 0.08:
            at = some.randrange(len(token))
            token = token[:at] + some.choice(string.ascii_letters) + token[at + 1 :]
        elif how < 0.12:
            path = some.choice(["/v2/tasks", "/v2/batches"])
        elif how < 0.16:
            key = some.choice(KEYS)
        pieces = [f"next_token={token}", f"limit={some.choice([1, 2, 5, 30])}"]
        if some.random() < 0.2:
            pieces.append(
                some.choice(["status=pending", "expand=project", "project_id=project_123"])
            )
        return "GET", f"{path}?{'&'.join(pieces)}", key

    def _query(self, operation) -> list[str]:
        some = self._random
        declared = parameters_of(operation.query)
        pieces = []
        scopes = [name for name in declared if name in self._named]
        for name in some.sample(scopes, k=min(len(scopes), some.choices([1, 2, 3], [12, 2, 1])[0])):
            pieces.append(f"{name}={quote(some.choice(self._named[name]))}")
        for name, parameter in declared.items():
            if name not in self._named and name != "next_token" and some.random() < 0.3:
                pieces.append(self._piece(name, parameter))
        if some.random() < 0.15:
            pieces.append(f"{some.choice([*declared, 'unknown'])}={some.choice(HOSTILE)}")
        some.shuffle(pieces)
        return pieces

    def _piece(self, name: str, parameter) -> str:
        some, spoiled = self._random, self._random.random() < 0.08
        match parameter:
            case DateTime():
                return f"{name}={some.choice(HOSTILE_MOMENTS if spoiled else MOMENTS)}"
            case IntRange():
                counts = ["0", "101", "-1", "1.0"] if spoiled else ["1", "2", "3", "100", "%2B4"]
                return f"{name}={some.choice(counts)}"
            case Enum():
                return f"{name}={some.choice(HOSTILE if spoiled else list(parameter.words))}"
            case EnumList():
                words = some.sample(parameter.words, k=some.randint(0, len(parameter.words)))
                if spoiled:
                    words.append("everything")
                if some.random() < 0.5:
                    return f"{name}={','.join(words)}"
                return "&".join(f"{name}[]={word}" for word in words)
        raise AssertionError(name)


@pytest.mark.slow
def test_requests_of_every_kind_get_the_same_bytes_on_both_engines(
    sqlite_settings, postgres_settings, monkeypatch
):
    now = clock.now_ms()
    requests, outcomes, followed = Requests(), Counter(), 0
    with ExitStack() as stack:
        sides = []
        for settings in (sqlite_settings, postgres_settings):
            world, keys = filled(settings, monkeypatch, now)
            stack.callback(world.close)
            sides.append((stack.enter_context(world.client("")), keys))
        for number in range(REQUESTS):
            method, target, who = requests.next()
            answers = []
            for client, keys in sides:
                # What is compressed differs: SQLite has it in page files, PostgreSQL makes it.
                headers = {"X-Request-Id": f"request-{number}", "Accept-Encoding": "identity"}
                headers["Authorization"] = f"Bearer {keys[who]}" if who in keys else "Basic Og=="
                answer = client.request(method, target, headers=headers)
                answers.append((answer.status_code, answer.headers.multi_items(), answer.content))

            assert answers[0] == answers[1], (method, target, who)
            status, _, content = answers[0]
            path = target.partition("?")[0]
            outcomes[path, status] += 1
            followed += "next_token=" in target and status == 200
            if status == 200 and b'"next_token":"' in content:
                token = content.rpartition(b'"next_token":"')[2].partition(b'"')[0].decode()
                requests.learn(path, who, token)

    statuses = Counter()
    for (_, status), count in outcomes.items():
        statuses[status] += count
    assert set(statuses) >= {200, 400, 401, 404, 405}
    assert statuses[500] == statuses[503] == 0
    assert [one.path for one in reads.OPERATIONS if not outcomes[one.path, 200]] == []
    assert statuses[200] > REQUESTS / 2
    assert followed > REQUESTS / 10


@pytest.mark.parametrize("number", [1, 999])
def test_the_series_of_requests_is_the_same_each_time(number):
    first, again = Requests(), Requests()

    assert [first.next() for _ in range(number)] == [again.next() for _ in range(number)]
