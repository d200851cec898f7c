"""Spark and Ray read 100,000 tasks from a real server. They run only where they are asked for.

PLAUDIT_TEST_SPARK=1 needs PySpark 4 and Java, PLAUDIT_TEST_RAY=1 needs ray[data]; `-s` shows counts
and seconds, which docs/partitions.md has of a recorded run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.builders import make_task
from tests.support.deliveries import move
from tests.support.harness import clean_environment
from tests.test_docs import BLOCKS, DEFAULT_ADDRESS
from tests.transfer.judged_exports import judged

TASKS, PENDING = 100_000, 1_000
CORRECTED = 5
"""Tasks that are corrected to threads without a verdict: they give no pair."""

SECONDS_MAX = 1200
pytestmark = [pytest.mark.slow, pytest.mark.timeout(2 * SECONDS_MAX)]

asked_for_spark = pytest.mark.skipif(
    os.environ.get("PLAUDIT_TEST_SPARK") != "1", reason="PLAUDIT_TEST_SPARK=1 runs it"
)
asked_for_ray = pytest.mark.skipif(
    os.environ.get("PLAUDIT_TEST_RAY") != "1", reason="PLAUDIT_TEST_RAY=1 runs it"
)

WITH_SPARK = """
import datetime as dt, json, sys, time
import pyspark
from pyspark.sql import SparkSession, functions
from plaudit.spark import PlauditDataSource

place = json.loads(sys.argv[1])
counts, seconds = {}, {}
spark = (
    SparkSession.builder.master("local[2]")
    .config("spark.ui.enabled", "false")
    .config("spark.sql.python.filterPushdown.enabled", place.pop("pushdown"))
    .config("spark.sql.warehouse.dir", "warehouse")
    .getOrCreate()
)
spark.dataSource.register(PlauditDataSource)

def load(name, **options):
    return spark.read.format("plaudit").options(**place, format=name, **options).load()

def timed(name, work):
    begun = time.monotonic()
    counts[name] = work()
    seconds[name] = round(time.monotonic() - begun, 1)

tasks = load("tasks", partitions=16)
distinct = tasks.agg(functions.count("*"), functions.countDistinct("task_id"))
timed("tasks", lambda: list(distinct.collect()[0]))
timed("pairs", lambda: load("trl-preference", partitions=64).count())
timed("pending", lambda: tasks.filter("status = 'pending'").count())
long_ago = dt.datetime(2001, 1, 1, tzinfo=dt.UTC)
timed("before", lambda: tasks.filter(tasks.completed_at < long_ago).count())
timed("of a batch", lambda: tasks.filter("batch = 'none'").count())
columns = {"task_id": "string", "completed_at": "timestamp", "turns": "bigint"}
assert {one: dict(tasks.dtypes)[one] for one in columns} == columns
assert place["key"] not in tasks._jdf.queryExecution().toString()
row = load("comparisons", partitions=1, status="completed").limit(1).collect()[0]
assert row["context"] and row["responses"][0]["text"], row
print(json.dumps({"counts": counts, "seconds": seconds, "version": pyspark.__version__}))
"""

WITH_RAY = """
import json, sys, time
import ray
from plaudit.ray import PlauditDatasource

place = json.loads(sys.argv[1])
counts, seconds = {}, {}
ray.init(num_cpus=2, include_dashboard=False, _node_ip_address="127.0.0.1", log_to_driver=False)

def load(name, blocks=None, **options):
    source = PlauditDatasource(**place, format=name, **options)
    return ray.data.read_datasource(source, override_num_blocks=blocks)

def timed(name, work):
    begun = time.monotonic()
    counts[name] = work()
    seconds[name] = round(time.monotonic() - begun, 1)

def ids_of(data):
    found = [one for batch in data.iter_batches(batch_format="pyarrow", batch_size=5000)
             for one in batch["task_id"].to_pylist()]
    return [len(found), len(set(found))]

timed("tasks", lambda: ids_of(load("tasks", 16)))
timed("pairs", lambda: load("trl-preference", 64).count())
timed("as it likes", lambda: load("tasks", status="completed").count())
timed("pending", lambda: load("tasks", status="pending").count())
assert load("tasks", completed_before="2001-01-01").count() == 0
assert load("v2", 3).take(1)[0]["value"].startswith('{"task_id"')
print(json.dumps({"counts": counts, "seconds": seconds, "version": ray.__version__}))
"""


@pytest.fixture(scope="module")
def shared_engine():
    return "sqlite"


@pytest.fixture(scope="module")
def place(shared_world, shared_server):
    """Where 100,000 completed tasks are, and 1,000 pending ones; a few were corrected."""
    text = "A word, and another one. " * 20
    rows = (
        judged(n, 1 + n % 3, project=None, metadata={"text": text})
        if n < TASKS
        else make_task(f"task_{n:06d}", "pending", project=None)
        for n in range(TASKS + PENDING)
    )
    assert shared_world.load(rows, project="Support chats")[1] == []
    for number in range(CORRECTED):
        move(shared_world, "correct", f"task_{number:05d}")
    return {
        "url": shared_server.url,
        "key": shared_world.key(role="read"),
        "project": "Support chats",
    }


def run(script: str, folder: Path, *arguments: str, **environ: str) -> str:
    """Run a script in an interpreter of its own; return what it prints last."""
    more = {
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "RAY_USAGE_STATS_ENABLED": "0",
        "PYTHONPATH": os.pathsep.join(sys.path),
        # Their own warnings about the versions of others are not what is tested.
        "PYTHONWARNINGS": "ignore",
    }
    ran = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env=clean_environment(**more, **environ),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-6000:]
    return ran.stdout.strip().splitlines()[-1]


def measured(script: str, folder: Path, place: dict[str, str], **more: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(script, folder, json.dumps(place | more)))
    print(json.dumps(found))
    return found["counts"]


@asked_for_spark
@pytest.mark.parametrize("pushdown", ["false", "true"])
def test_spark_reads_every_task_once(place, tmp_path, pushdown):
    counts = measured(WITH_SPARK, tmp_path, place, pushdown=pushdown)

    assert counts == {
        "tasks": [TASKS + PENDING] * 2,
        "pairs": TASKS - CORRECTED,
        "pending": PENDING,
        "before": 0,
        "of a batch": 0,
    }


@asked_for_ray
def test_ray_reads_every_task_once(place, tmp_path):
    counts = measured(WITH_RAY, tmp_path, place)

    assert counts == {
        "tasks": [TASKS + PENDING] * 2,
        "pairs": TASKS - CORRECTED,
        "as it likes": TASKS,
        "pending": PENDING,
    }


@pytest.mark.parametrize(
    "name",
    [pytest.param("spark", marks=asked_for_spark), pytest.param("ray", marks=asked_for_ray)],
)
def test_the_example_of_the_manual_runs(place, tmp_path, name):
    [block] = [one for one in BLOCKS if one.marks == ("python", name)]
    script = block.text.replace(DEFAULT_ADDRESS, place["url"])

    printed = run(script, tmp_path, PLAUDIT_KEY=place["key"])

    assert printed.split()[-1] == str(TASKS)
