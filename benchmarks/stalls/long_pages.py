"""The part `pages`: first answers of long conversations, and all their portions, on each page."""

import re
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from html import unescape
from http.client import HTTPConnection
from typing import Any

from structlog.testing import capture_logs

from benchmarks.clock import cpu_between
from benchmarks.plan import Plan
from benchmarks.postgres.server import find_binaries, running
from benchmarks.report import Figure, Section
from benchmarks.servers import Server, serve_plaudit
from plaudit.core.common import server_secret
from plaudit.model.core import PersonRole
from plaudit.settings import Settings
from plaudit.store.engine import connect
from tests.support.annotators import AnnotationTeam, Worker
from tests.support.builders import make_message, make_thread, make_turn
from tests.support.harness import World

FIRST_MS_MAX = 300
TRIES = 5
GROWTH_MAX = 1.5
"""Of the CPU for a turn that is shown, between the two longest conversations."""

SENTENCE = "Some *words* about what was asked, of the length that a short answer has. "
SENTENCES = 4
FORM = {
    "fields": [
        {"key": "overall", "level": "message", "type": "integer", "possible_values": [1, 2, 3]},
        {"key": "better", "level": "turn", "type": "integer", "scale": "low_is_first",
         "required": True},
        {"key": "why", "level": "turn", "type": "text"},
    ]
}  # fmt: skip
KINDS = {"the last turn is asked about": False, "each turn is asked about": True}
_LINK = re.compile(r'href="([^"]+/turns\?[^"]+)"')


@dataclass(frozen=True)
class LongPage:
    """A page of a conversation: what it shows, where it is, and who looks at it."""

    name: str
    kind: str
    turns: int
    path: str
    session: str


@dataclass(frozen=True)
class Cost:
    """What a page took: its first answer, and it with all further portions; seconds."""

    page: LongPage
    first_bytes: int
    first_cpu: float
    first_seconds: float
    portions: int
    all_bytes: int
    all_cpu: float

    @property
    def cells(self) -> tuple[str, ...]:
        page = self.page
        return (
            f"{page.name}, {page.kind}",
            f"{page.turns:,}",
            f"{self.first_bytes / 1e3:,.0f}",
            f"{self.first_cpu * 1e3:.0f}",
            f"{self.first_seconds * 1e3:.0f}",
            f"{self.portions}",
            f"{self.all_bytes / 1e3:,.0f}",
            f"{self.all_cpu * 1e3:,.0f}",
            f"{self.all_cpu * 1e3 / page.turns:.2f}",
        )


COLUMNS = (
    "page", "turns", "first kB", "first CPU ms", "first answer ms", "answers", "all kB",
    "all CPU ms", "CPU ms a turn",
)  # fmt: skip


def conversation(turns: int, *, is_compared: bool, marker: str) -> list[Any]:
    """A chat whose last turn has two responses, or each."""

    def messages(number: int) -> list[Any]:
        names = ("user", "base_model", "test_model")
        count = 3 if is_compared or number == turns - 1 else 2
        return [
            make_message(name, f"{marker} {number}. {SENTENCE * SENTENCES}")
            for name in names[:count]
        ]

    return [make_thread(turns=[make_turn(f"turn_{n}", messages(n)) for n in range(turns)])]


def measure_pages(plan: Plan) -> Iterator[Section]:
    """Yield a section for each engine; of SQLite alone in a quick run."""
    yield _measure(plan, "SQLite", Settings(data=plan.work / "pages-sqlite"))
    for binaries in (plan.postgres_binaries or find_binaries())[: plan.stall_postgres]:
        with running(binaries) as url:
            settings = Settings(data=plan.work / "pages-postgres", database=url)
            yield _measure(plan, "PostgreSQL", settings)


def _measure(plan: Plan, engine: str, settings: Settings) -> Section:
    settings.data.mkdir(parents=True)
    connect.prepare(settings)
    server_secret.make(settings.secret_path)
    with capture_logs(), closing(World(settings)) as world:
        key = world.key()
        warm, *pages = [page for turns in (20, *plan.stall_turns) for page in _add(world, turns)]
    with serve_plaudit(settings.data, database=settings.database, key=key) as server:
        _cost(server, warm)  # starts a process that renders
        costs = [_cost(server, page) for page in pages if page.turns in plan.stall_turns]
    return _section(engine, plan, costs)


def _add(world: World, turns: int) -> Iterator[LongPage]:
    """A task under way and one in review for each kind of conversation, and their pages."""
    for kind, is_compared in KINDS.items():
        team = AnnotationTeam(world, f"{kind} {turns}", form=FORM, review="all")
        texts = [f"{turns} {kind} {name}" for name in ("reviewed", "annotated")]
        task_id, _ = [
            team.add(conversation(turns, is_compared=is_compared, marker=text))[0] for text in texts
        ]
        admin = team.person(f"Admin{turns}{is_compared}", role=PersonRole.admin)
        with world.connect() as client:
            worker = Worker(team, client, admin)
            state = worker.take()
            asked = [at for at, *_ in state["questions"]["places"]]
            told = worker.call(
                "submit",
                lease_version=state["lease_version"],
                answers=[{"at": at, "key": "better", "value": 2} for at in asked],
                client_key="k",
                active_ms=1,
            )
            assert told.is_success, told.text
            worker.take()
        project_id = team.project.project_id
        for name, path in (
            ("annotation", worker.at),
            ("review", f"/review/{project_id}/tasks/{task_id}"),
            ("manager's", f"/projects/{project_id}/tasks/{task_id}"),
        ):
            yield LongPage(name, kind, turns, path, admin)


def _cost(server: Server, page: LongPage) -> Cost:
    cpu, started = server.cpu_seconds(), time.perf_counter()
    text = _fetch(server, page, page.path)
    seconds, first_cpu = [time.perf_counter() - started], cpu_between(cpu, server.cpu_seconds())
    sizes = [len(text)]
    while link := _LINK.search(text.decode()):
        text = _fetch(server, page, unescape(link[1]))
        sizes.append(len(text))
    all_cpu = cpu_between(cpu, server.cpu_seconds())
    for _ in range(TRIES - 1):
        started = time.perf_counter()
        _fetch(server, page, page.path)
        seconds.append(time.perf_counter() - started)
    return Cost(page, sizes[0], first_cpu, min(seconds), len(sizes), sum(sizes), all_cpu)


def _fetch(server: Server, page: LongPage, path: str) -> bytes:
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=120)) as connection:
        headers = {"Accept": "text/html", "Cookie": f"plaudit={page.session}"}
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        text = answer.read()
        assert answer.status == 200, (path, answer.status)
        return text


def _section(engine: str, plan: Plan, costs: list[Cost]) -> Section:
    longest = max(plan.stall_turns)
    slowest = max(
        (cost for cost in costs if cost.page.turns == longest), key=lambda cost: cost.first_seconds
    )
    title = f"{engine}: pages of long conversations"
    return Section(
        title,
        "Each message has 300 characters; the first page that shows it renders it. The first "
        "answer is what a person waits for, from the request to the last byte: the least of "
        f"{TRIES} tries, of whose CPU the first is shown. The others are the portions that follow "
        "while the conversation is scrolled through; the task is read anew for each.",
        COLUMNS,
        rows=[cost.cells for cost in costs],
        figures=[
            Figure(
                f"{title}: first answer, {longest:,} turns ({slowest.page.name}, "
                f"{slowest.page.kind})",
                slowest.first_seconds * 1e3,
                at_most=FIRST_MS_MAX,
                unit=" ms",
                why_missed="it is time of the clock, on a machine that others use as well.",
            ),
            *_growth(title, plan, costs),
        ],
    )


def _growth(title: str, plan: Plan, costs: list[Cost]) -> Iterator[Figure]:
    """Growth of the CPU for a turn, from the second longest conversation to the longest."""
    if len(plan.stall_turns) < 2:
        return
    shorter, longer = sorted(plan.stall_turns)[-2:]
    cpu = {
        turns: sum(cost.all_cpu for cost in costs if cost.page.turns == turns) / turns
        for turns in (shorter, longer)
    }
    yield Figure(
        f"{title}: CPU for a turn that is shown, of {longer:,} turns / of {shorter:,}",
        cpu[longer] / cpu[shorter],
        at_most=GROWTH_MAX,
        why_missed="what is read of the task for each portion grows with the task.",
    )
