"""Measure the queue of work: how long a claim takes, and whether anything is lost when many work.

The people are simulated in processes that run the same core functions as a server on the same
store; HTTP is not part of the figures.
"""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median

from benchmarks.crews import Crews, LabelingProject, Outcome, make_floors
from benchmarks.plan import Plan
from benchmarks.postgres.server import find_binaries, running
from benchmarks.report import Figure, Section
from plaudit.core.accounts import api_keys
from plaudit.core.labeling import leases
from plaudit.settings import Settings
from plaudit.store.engine import connect
from plaudit.store.engine.engine import Database, Transaction

OVERLAPS = (1, 2, 3)
LEASE_SECONDS = 1800
SHORT_LEASE_SECONDS = 2
CLAIMS_A_SECOND = 50
"""Of everybody together, at the measured pace: five hundred people of whom each takes a task every
ten seconds, which is more than people do."""
CLAIM_MS_MAX = 100
SHARED_MACHINE = (
    "the simulated people, the store and whatever else ran at that time share the machine's "
    "cores; the load average before the run stands above. A claim alone takes a few milliseconds, "
    "as the section before says. What the tail would be on an idle machine was not measured."
)

_MAKE = (
    "CREATE TABLE bench_queue (seq BIGINT PRIMARY KEY, user_id TEXT)",
    "CREATE INDEX bench_queue_free ON bench_queue (seq) WHERE user_id IS NULL",
)
_FILL = "INSERT INTO bench_queue (seq) VALUES (:seq)"


@dataclass(frozen=True)
class Place:
    """An engine with an empty store."""

    name: str
    settings: Settings


def measure_claims(plan: Plan) -> Iterable[Section]:
    """Yield the sections on each engine."""
    yield from _measure(plan, Place("SQLite", _prepared(plan, "sqlite", None)))
    for binaries in (plan.postgres_binaries or find_binaries())[:1]:
        with running(binaries) as url:
            yield from _measure(plan, Place("PostgreSQL", _prepared(plan, "postgres", url)))


def _prepared(plan: Plan, name: str, url: str | None) -> Settings:
    settings = Settings(data=plan.work / name, database=url)
    settings.data.mkdir(parents=True)
    connect.prepare(settings)
    return settings


def _measure(plan: Plan, place: Place) -> Iterable[Section]:
    with asyncio.Runner() as runner, ExitStack() as stack:
        db = connect.open_database(place.settings)
        stack.callback(lambda: runner.run(db.close()))
        runner.run(api_keys.create_organization(db, "default"))
        environment_id = runner.run(api_keys.get_environment(db, "default", "live"))
        yield runner.run(_bare(plan, place, db, environment_id))
        yield _paced(plan, place, runner, db, environment_id)
        yield _flat_out(plan, place, runner, db, environment_id)


async def _bare(plan: Plan, place: Place, db: Database, environment_id: str) -> Section:
    """Compare one claim with the least that a queue in the same store could do."""
    count = plan.claim_rounds * plan.claim_trials
    [labeling] = await make_floors(
        db, environment_id, name="Bare", tasks=count, overlaps=(1,), lease_seconds=LEASE_SECONDS
    )
    await _make_queue(db, count)
    users = itertools.count()
    seconds: dict[str, list[float]] = {"bare": [], "plaudit": []}
    for _ in range(plan.claim_rounds):
        for name, claim in (("bare", _claim_bare(db)), ("plaudit", _claim_ours(db, labeling))):
            began = time.perf_counter()
            for _ in range(plan.claim_trials):
                await claim(f"user_{name}_{next(users)}")
            seconds[name].append((time.perf_counter() - began) / plan.claim_trials)
    bare, ours = median(seconds["bare"]), median(seconds["plaudit"])
    return Section(
        f"{place.name}: one claim beside a bare queue",
        f"Median over {plan.claim_rounds} rounds of {plan.claim_trials} claims by one client, each "
        "a committed transaction of another person's. The bare queue is a table with an index of "
        "what is free, and one UPDATE of its first row, locked as ours is. A claim of ours also "
        "holds a person to their cap, honours overlap and the order of batches, reads the task and "
        "writes a lease with its lease_version and its order of display.",
        ("queue", "ms", "× bare"),
        rows=[
            ("bare", f"{bare * 1e3:.2f}", "1.00"),
            ("plaudit", f"{ours * 1e3:.2f}", f"{ours / bare:.2f}"),
        ],
        figures=[Figure(f"{place.name}, one claim: ours / bare queue", ours / bare)],
    )


async def _make_queue(db: Database, count: int) -> None:
    async def work(tx: Transaction) -> None:
        for statement in _MAKE:
            await tx.run(statement, {})
        for seq in range(count):
            await tx.run(_FILL, {"seq": seq})

    await db.write(work)


def _claim_bare(db: Database) -> Callable[[str], Awaitable[None]]:
    async def claim(user_id: str) -> None:
        async def work(tx: Transaction) -> int:
            return await tx.run(
                "UPDATE bench_queue SET user_id = :user_id WHERE seq = (SELECT seq FROM bench_queue"
                f" WHERE user_id IS NULL ORDER BY seq LIMIT 1{tx.skip_locked})",
                {"user_id": user_id},
            )

        assert await db.write(work) == 1

    return claim


def _claim_ours(db: Database, labeling: LabelingProject) -> Callable[[str], Awaitable[None]]:
    async def claim(user_id: str) -> None:
        assert (
            await db.write(lambda tx: leases.lease_next(tx, labeling.project, user_id)) is not None
        )

    return claim


def _paced(
    plan: Plan, place: Place, runner: asyncio.Runner, db: Database, environment_id: str
) -> Section:
    """Claims of people who take their time."""
    think_seconds = plan.claim_people / CLAIMS_A_SECOND
    tasks = int(2 * CLAIMS_A_SECOND * (plan.claim_seconds + think_seconds))
    floors = runner.run(
        make_floors(
            db,
            environment_id,
            name="Paced",
            tasks=tasks,
            overlaps=(1,),
            lease_seconds=LEASE_SECONDS,
        )
    )
    crews = Crews(
        place.settings,
        floors,
        people=plan.claim_people,
        lease_seconds=LEASE_SECONDS,
        seconds=plan.claim_seconds,
        think_seconds=think_seconds,
        late_share=0,
    )
    found = _finished(crews, runner, db)
    return Section(
        f"{place.name}: {plan.claim_people} people at a human pace",
        f"Each thinks {think_seconds:g} s on average between a claim and what follows: about "
        f"{CLAIMS_A_SECOND} claims and as many submissions a second for {plan.claim_seconds:g} s. "
        "The time of a claim is from the call to the committed answer, seen by the process.",
        ("claims", "a second", "p50 ms", "p90 ms", "p99 ms", "slowest ms"),
        rows=[
            (
                f"{len(found.claim_seconds):,}",
                f"{len(found.claim_seconds) / found.seconds:.0f}",
                *(f"{found.quantile(share) * 1e3:.1f}" for share in (0.5, 0.9, 0.99, 1)),
            )
        ],
        figures=[
            Figure(
                f"{place.name}, {plan.claim_people} people: p99 of a claim",
                found.quantile(0.99) * 1e3,
                at_most=CLAIM_MS_MAX,
                unit=" ms",
                why_missed=SHARED_MACHINE,
            )
        ],
    )


def _flat_out(
    plan: Plan, place: Place, runner: asyncio.Runner, db: Database, environment_id: str
) -> Section:
    """Everybody at once without a thought, with kills and expiries, until no task is left."""
    floors = runner.run(
        make_floors(
            db,
            environment_id,
            name="Flat out",
            tasks=plan.claim_tasks,
            overlaps=OVERLAPS,
            lease_seconds=SHORT_LEASE_SECONDS,
        )
    )
    crews = Crews(
        place.settings, floors, people=plan.claim_people, lease_seconds=SHORT_LEASE_SECONDS
    )
    found = _finished(crews, runner, db, kills=plan.claim_kills, kill_after=plan.claim_tasks // 5)
    wrongs = {
        "tasks with more or fewer submissions than they need": found.wrong_tasks,
        "tasks with two submissions of one person": found.twice,
        "acknowledged submissions lost or stored twice": found.lost,
        "contradictions in the store": found.violations,
    }
    return Section(
        f"{place.name}: {plan.claim_people} people on {found.tasks:,} tasks, with kills and "
        "expiries",
        f"Tasks need {', '.join(map(str, OVERLAPS))} people, a third each; leases last "
        f"{SHORT_LEASE_SECONDS} s. Nobody thinks; of a hundred claims three are left lying, two "
        "come back too late, two are given back and one is skipped. Processes are killed with "
        "SIGKILL while they work and started again. With everybody waiting at the door the time "
        "of a claim says how long the queue before it is, so it has no target here.",
        ("what", "count"),
        rows=[
            ("tasks", f"{found.tasks:,}"),
            ("submissions stored", f"{found.submissions:,}"),
            ("submissions acknowledged", f"{found.acknowledged:,}"),
            ("processes killed", f"{found.kills}"),
            ("leases lost while at work", f"{found.counts['lost']:,}"),
            ("claims left lying", f"{found.counts['left']:,}"),
            ("seconds", f"{found.seconds:.0f}"),
            ("claims a second", f"{len(found.claim_seconds) / found.seconds:,.0f}"),
            ("p50 of a claim, ms", f"{found.quantile(0.5) * 1e3:.0f}"),
            ("p99 of a claim, ms", f"{found.quantile(0.99) * 1e3:.0f}"),
        ],
        figures=[
            Figure(f"{place.name}: {name}", float(count), at_most=0, unit="")
            for name, count in wrongs.items()
        ],
    )


def _finished(
    crews: Crews, runner: asyncio.Runner, db: Database, *, kills: int = 0, kill_after: int = 0
) -> Outcome:
    """Let everybody work, kill some, and see what was made of it."""
    try:
        crews.kill_some(kills, after=kill_after)
        counts = crews.finish()
    finally:
        crews.end()
    return runner.run(crews.look(db, counts))
