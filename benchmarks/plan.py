"""How much is measured: the full run and the quick one of continuous integration."""

import os
from dataclasses import dataclass
from pathlib import Path

from plaudit.settings import BODY_BYTES_MAX


@dataclass(frozen=True)
class Plan:
    """Sizes and bounds of one run; `cache` keeps generated tasks, `work` is emptied at the end.

    A trial sends requests until the server has spent about `cpu_seconds_per_trial`, and at
    most `seconds_per_trial` pass; every trial runs once in each of `rounds`.
    """

    name: str
    cache: Path
    work: Path
    rounds: int
    warm_up_seconds: float
    cpu_seconds_per_trial: float
    seconds_per_trial: float
    large_tasks: int
    detail_tasks: int
    shallow_tasks: int
    deep_tasks: int
    batch_tasks: int
    memory_requests: int
    import_large_tasks: int
    import_small_tasks: int
    import_rounds: int
    export_tasks: int
    client_small_tasks: int
    client_large_tasks: int
    claim_people: int
    claim_tasks: int
    claim_kills: int
    claim_seconds: float
    """How long people claim at a human pace."""
    claim_rounds: int
    claim_trials: int
    strangers: int
    """Connections of each kind that hostile strangers hold."""
    crowd_seconds: float
    stall_turns: tuple[int, ...]
    stall_task_bytes: int
    stall_largest_bytes: int
    stall_tasks: int
    """Tasks of one listing; a page has as many as fit into its bytes."""
    stall_hostile_texts: int
    stall_hostile_characters: int
    """Of each of these texts."""
    stall_body_bytes: int
    """The most that a page or an operation is sent, within its own bound."""
    stall_viewers: int
    stall_stride: int
    """Of so many pages and operations each, one is asked for."""
    stall_postgres: int
    """Servers of PostgreSQL on which stalls are measured."""
    worker_counts: tuple[int, ...]
    """Of the servers that `workers` compares."""
    worker_warm_up_requests: int
    """Of each kind, after which every worker has connections and knows its statements."""
    rows_of_csv: int
    bytes_of_array: int
    fairness_seconds: float
    """Of each round, alone and beside the crowd."""
    fairness_rounds: int
    fairness_connections: int
    """Of the crowd."""
    fairness_tasks: int
    fairness_postgres: int
    """Servers of PostgreSQL on which fairness is measured."""
    soak_minutes: float
    quality_tasks: int
    scale_tasks: int
    scale_file_tasks: int
    """Of one import."""
    scale_minutes: float
    """After which no further file of tasks is imported, and what is missing is copied."""
    list_tasks: int
    list_people: int
    rest_share: float
    """Of the pauses in which a machine comes to rest before it is measured."""
    kept: Path | None = None
    """Folder in which `scale` keeps its stores for another run."""
    postgres_binaries: tuple[Path, ...] = ()
    """Folders of the PostgreSQL servers to measure; those found on this machine if empty."""


def full_plan(folder: Path) -> Plan:
    """The run whose figures are published."""
    return Plan(
        name="full",
        cache=folder / ".cache",
        work=_work_folder(folder),
        rounds=5,
        warm_up_seconds=0.5,
        cpu_seconds_per_trial=0.5,
        seconds_per_trial=8,
        large_tasks=10_000,
        detail_tasks=2_000,
        shallow_tasks=10_000,
        deep_tasks=1_000_000,
        batch_tasks=5_000,
        memory_requests=10_000,
        import_large_tasks=5_000,
        import_small_tasks=50_000,
        import_rounds=3,
        export_tasks=100_000,
        client_small_tasks=50_000,
        client_large_tasks=10_000,
        claim_people=500,
        claim_tasks=5_000,
        claim_kills=6,
        claim_seconds=30,
        claim_rounds=5,
        claim_trials=200,
        strangers=1_000,
        crowd_seconds=30,
        stall_turns=(100, 400, 1_600),
        stall_task_bytes=9_800_000,
        stall_largest_bytes=23_500_000,
        stall_tasks=60,
        stall_hostile_texts=46,
        stall_hostile_characters=199_000,
        stall_body_bytes=BODY_BYTES_MAX,
        stall_viewers=8,
        stall_stride=1,
        stall_postgres=1,
        worker_counts=(1, 2, 4),
        worker_warm_up_requests=200,
        rows_of_csv=1_000_000,
        bytes_of_array=500_000_000,
        fairness_seconds=4,
        fairness_rounds=6,
        fairness_connections=100,
        fairness_tasks=1_500,
        fairness_postgres=1,
        soak_minutes=40,
        quality_tasks=333_000,
        scale_tasks=10_000_000,
        scale_file_tasks=1_000_000,
        scale_minutes=240,
        list_tasks=100_000,
        list_people=500,
        rest_share=1,
    )


def quick_plan(folder: Path) -> Plan:
    """A run that shows in about a minute whether every measurement still works."""
    return Plan(
        name="quick",
        cache=folder / ".cache",
        work=_work_folder(folder),
        rounds=1,
        warm_up_seconds=0.1,
        cpu_seconds_per_trial=0.05,
        seconds_per_trial=1,
        large_tasks=200,
        detail_tasks=120,
        shallow_tasks=1_000,
        deep_tasks=3_000,
        batch_tasks=1_000,
        memory_requests=200,
        import_large_tasks=50,
        import_small_tasks=500,
        import_rounds=1,
        export_tasks=150,
        client_small_tasks=500,
        client_large_tasks=100,
        claim_people=50,
        claim_tasks=200,
        claim_kills=1,
        claim_seconds=2,
        claim_rounds=1,
        claim_trials=50,
        strangers=100,
        crowd_seconds=1,
        stall_turns=(100,),
        stall_task_bytes=100_000,
        stall_largest_bytes=200_000,
        stall_tasks=4,
        stall_hostile_texts=2,
        stall_hostile_characters=8_000,
        stall_body_bytes=BODY_BYTES_MAX,
        stall_viewers=2,
        stall_stride=12,
        stall_postgres=0,
        worker_counts=(1, 2),
        worker_warm_up_requests=20,
        rows_of_csv=50_000,
        bytes_of_array=10_000_000,
        fairness_seconds=0.5,
        fairness_rounds=1,
        fairness_connections=40,
        fairness_tasks=100,
        fairness_postgres=0,
        soak_minutes=0.1,
        quality_tasks=400,
        scale_tasks=200_000,
        scale_file_tasks=50_000,
        scale_minutes=0,
        list_tasks=400,
        list_people=10,
        rest_share=0.1,
    )


def _work_folder(folder: Path) -> Path:
    """Return a folder of this process alone: two runs side by side must not share stores."""
    return folder / ".cache" / f"work-{os.getpid()}"
