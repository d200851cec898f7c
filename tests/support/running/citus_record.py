"""The record of a run on a real Citus cluster: a row of docs/citus-runs.md for each.

`make test-citus` asks for it with `--citus-record`; docs/beyond-one-machine.md claims nothing that
is not in it.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest

from tests.support.databases import citus_cluster, citus_nodes

RECORD = Path(__file__).parents[3] / "docs" / "citus-runs.md"
_VERSIONS_SQL = """SELECT (SELECT extversion FROM pg_extension WHERE extname = 'citus'),
    current_setting('server_version'),
    (SELECT count(*) FROM pg_dist_node WHERE shouldhaveshards AND isactive)"""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--citus-record", action="store_true", help="write what this run did on Citus to the docs"
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--citus-record") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Recorder(config))


class Recorder:
    """Counts the outcomes of tests by their first folder, and writes them down at the end."""

    def __init__(self, config: pytest.Config) -> None:
        if citus_cluster.VARIABLE not in os.environ:
            raise pytest.UsageError(f"{citus_cluster.VARIABLE} must name a coordinator")
        self.versions = asyncio.run(_versions(os.environ[citus_cluster.VARIABLE]))
        self.config = config
        self.counts: Counter[str] = Counter()
        self.folders: set[str] = set()
        self.failed: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != "passed":
            outcome = "failed" if report.failed else report.outcome
            self.counts[outcome] += 1
            self.folders.add(report.nodeid.split("::", maxsplit=1)[0].split("/")[1])
            if report.failed:
                self.failed.append(report.nodeid.split("::", maxsplit=1)[1])

    def pytest_sessionfinish(self) -> None:
        with RECORD.open("a", encoding="utf-8") as file:
            file.write(self.row() + "\n")

    def row(self) -> str:
        """The run as a row of the table."""
        citus, postgres, workers = self.versions
        ran_failures = os.environ.get(citus_nodes.VARIABLE) == "1"
        cells = [
            datetime.now(UTC).date().isoformat(),
            _commit(),
            f"{citus} on PostgreSQL {postgres.split()[0]}",
            str(workers),
            " ".join(sorted(self.folders)),
            "yes" if ran_failures else "no",
            *(str(self.counts[outcome]) for outcome in ("passed", "failed", "skipped")),
            "; ".join(f"`{name}`" for name in self.failed),
        ]
        return f"| {' | '.join(cells)} |"


def _commit() -> str:
    """The commit of the sources, with a + where files differ from it."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty=+", "--exclude=*"],
        capture_output=True,
        text=True,
        check=True,
        cwd=RECORD.parent,
    )
    return done.stdout.strip()


async def _versions(url: str) -> tuple[str, str, int]:
    connection = await asyncpg.connect(url)
    try:
        row = await connection.fetchrow(_VERSIONS_SQL)
        assert row is not None
        return row[0], row[1], row[2]
    finally:
        await connection.close()
