"""One person who takes their time, in a process of their own.

Says "ready" with the lease in hand, submits once a word comes in, and says what became of it.
"""

from __future__ import annotations

import asyncio
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from plaudit.core.labeling import leases, submissions
from plaudit.errors import LeaseLost
from plaudit.settings import Settings
from plaudit.store.engine import connect
from plaudit.store.tasks import projects
from tests.support.labeling_project import lease_ref


async def _work(config: dict[str, Any], talk: Connection) -> None:
    place = Settings(data=Path(config["data"]), database=config["database"])
    db = connect.open_database(place)
    async with db.read() as tx:
        project = await projects.find_project_by_key(
            tx, config["environment_id"], config["project_id"]
        )
        lease = await leases.get_lease(tx, project, config["user_id"], config["lease"])
    talk.send("ready")
    talk.recv()
    try:
        await db.write(
            lambda tx: submissions.submit(
                tx, project, lease_ref(lease), config["answers"], client_key="k", active_ms=0
            )
        )
        talk.send("taken")
    except LeaseLost as lost:
        talk.send(lost.code)
    await db.close()


def run(config: dict[str, Any], talk: Connection) -> None:
    """Submit late, and tell over `talk`."""
    asyncio.run(_work(config, talk))
