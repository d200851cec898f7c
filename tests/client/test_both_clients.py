"""The blocking client and the asynchronous one, operation by operation."""

from __future__ import annotations

import asyncio
from typing import Any

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

    assert server.heads[:count] == server.heads[count:]
    assert server.bodies[:count] == server.bodies[count:]
    assert b"/manage/v1/projects/p%2Fq/deliveries" in b"".join(server.heads)


def test_every_operation_of_one_client_is_there_in_the_other():
    public = [
        {name for name in vars(one) if not name.startswith("_")} for one in (Client, AsyncClient)
    ]

    assert public[0] - public[1] == {"as_scaleapi"}
    assert public[1] - public[0] == set()
