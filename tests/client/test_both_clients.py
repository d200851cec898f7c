"""The blocking client and the asynchronous one, operation by operation."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from importlib.resources import files
from typing import Any

import pytest

from plaudit.client import AsyncClient, Client
from tests.support.network.odd_server import OddServer, answered


def test_the_asynchronous_client_sends_the_same_requests():
    """Every operation of both clients, to a server that keeps what it was asked."""
    batch = {"id": "b", "name": "B", "project": "p", "created_at": "now", "status": "completed"}
    task = {"task_id": "t", "project": "p", "status": "completed", "created_at": "now"}
    project = {"id": "p", "name": "P", "created_at": "now"}
    delivery = {"id": "d", "name": "D", "task_count": 1, "delivered_at": "now", "project": "p"}
    everything = {
        **(batch | task | project | delivery),
        **{"batch": batch, "message": "", "projects": [project], "batches": [batch]},
        **{"tasks": [task], "deliveries": [delivery], "manifest_sha256": "0"},
    }
    operations: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
        ("projects", (), {}),
        ("project", (), {"project_id": "p"}),
        ("batch", (), {"batch_name": "B"}),
        ("task", ("t",), {"opts": ["submissions"]}),
        ("deliveries", (), {"project_id": "p"}),
        ("create_project", ("P",), {"settings": {"overlap": 2}, "idempotency_key": "1"}),
        ("create_chat_task", (), {"project_id": "p", "idempotency_key": "2"}),
        ("create_task", (), {"project_id": "p", "idempotency_key": "3"}),
        ("set_task_metadata", ("t", {"a": 1}), {"idempotency_key": "4"}),
        ("create_batch", ("B",), {"project_id": "p", "idempotency_key": "5"}),
        ("finalize_batch", (), {"batch_id": "b", "idempotency_key": "6"}),
        ("pause_batch", (), {"batch_id": "b", "idempotency_key": "7"}),
        ("resume_batch", (), {"batch_id": "b", "idempotency_key": "8"}),
        ("cancel_batch", (), {"batch_id": "b", "idempotency_key": "9"}),
        ("create_delivery", ("p/q", "D"), {"task_ids": ["t"], "idempotency_key": "10"}),
    ]

    async def asynchronous(url: str) -> list[Any]:
        async with AsyncClient(url=url, key="k") as client:
            found = [await getattr(client, name)(*args, **more) for name, args, more in operations]
            found.append([one async for one in client.batches(project_id="p")])
            found.append([one async for one in client.tasks(project_id="p")])
            found.append([one async for one in client.delivered_tasks("d")])
            return found

    with OddServer(lambda number, head: answered(everything)) as server:
        with Client(url=server.url, key="k") as client:
            blocking = [getattr(client, name)(*args, **more) for name, args, more in operations]
            blocking.append(list(client.batches(project_id="p")))
            blocking.append(list(client.tasks(project_id="p")))
            blocking.append(list(client.delivered_tasks("d")))
        count = len(server.heads)

        assert asyncio.run(asynchronous(server.url)) == blocking

    heads = [head.replace(b"Connection: keep-alive\r\n", b"") for head in server.heads]
    assert [_said(head) for head in heads[:count]] == [_said(head) for head in heads[count:]]
    assert server.bodies[:count] == server.bodies[count:]
    assert b"/manage/v1/projects/p%2Fq/deliveries" in b"".join(server.heads)


def _said(head: bytes) -> list[bytes]:
    """Lines of a head in any order, without case of their names."""
    return sorted(line.lower() for line in head.split(b"\r\n"))


def test_every_operation_of_one_client_is_there_in_the_other():
    public = [
        {name for name in vars(one) if not name.startswith("_")} for one in (Client, AsyncClient)
    ]

    assert public[0] - public[1] == {"as_scaleapi"}
    assert public[1] - public[0] == set()


def test_types_are_published_with_the_package():
    assert (files("plaudit") / "py.typed").is_file()


def test_importing_the_client_loads_neither_exporters_nor_the_store():
    """It takes a fifth of a second less, for scripts that only read."""
    said = "import sys, plaudit.client; print(*(name for name in sys.modules if 'plaudit' in name))"
    ran = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)

    loaded = {".".join(name.split(".")[:2]) for name in ran.stdout.split()}
    assert "plaudit.client" in loaded
    assert loaded & {f"plaudit.{name}" for name in ("store", "core", "formats", "api")} == set()


@pytest.mark.parametrize(
    ("name", "ask"),
    [
        ("scaleapi", lambda client: client.as_scaleapi()),
        ("pandas", lambda client: client.tasks(project_id="p").to_pandas()),
        ("datasets", lambda client: client.tasks(project_id="p").to_preference().to_dataset()),
    ],
)
def test_a_library_that_is_not_installed_is_named_with_the_way_to_it(name, ask, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    with (
        OddServer(lambda number, head: answered({"tasks": []})) as server,
        Client(url=server.url, key="k") as client,
        pytest.raises(ImportError, match=f"pip install {name}"),
    ):
        ask(client)
