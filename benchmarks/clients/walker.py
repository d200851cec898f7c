"""Walk over tasks with one client in a process of its own, and print what it cost as JSON.

`python -m benchmarks.clients.walker WAY URL KEY COUNT`. Seconds begin after the imports and a first
page, so that neither loading nor connecting is among them; the garbage collector runs as ever.
"""

import itertools
import json
import sys
import time
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any

from benchmarks.clock import cpu_between
from plaudit.client import Client

PROJECT = "Clients"
PAGE_TASKS = 100


def _official(url: str, key: str) -> Iterable[Any]:
    client = import_module("scaleapi").ScaleClient(key)  # its classes only burden whom they serve
    client.v2.api_client.configuration.host = url
    return client.v2_get_tasks(project_name=PROJECT, limit=PAGE_TASKS)


def _raw(url: str, key: str) -> Iterable[Any]:
    return Client(url=url, key=key).tasks(raw=True, project_name=PROJECT, limit=PAGE_TASKS)


def _decoded(url: str, key: str) -> Iterable[Any]:
    return Client(url=url, key=key).tasks(project_name=PROJECT, limit=PAGE_TASKS)


WAYS: dict[str, Callable[[str, str], Iterable[Any]]] = {
    "official": _official,
    "raw": _raw,
    "decoded": _decoded,
}


def walk(way: str, url: str, key: str, count: int) -> dict[str, float]:
    """Read up to `count` tasks, anew after the last one; return tasks, CPU and wall seconds."""
    tasks = itertools.chain.from_iterable(WAYS[way](url, key) for _ in itertools.count())
    for _ in itertools.islice(tasks, PAGE_TASKS):
        pass
    cpu, wall = time.process_time(), time.perf_counter()
    read = sum(1 for _ in itertools.islice(tasks, count))
    return {
        "tasks": read,
        "cpu": cpu_between(cpu, time.process_time()),
        "wall": time.perf_counter() - wall,
    }


if __name__ == "__main__":
    print(json.dumps(walk(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))))
