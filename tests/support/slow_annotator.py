"""One person who takes their time: `python -m tests.support.slow_annotator CONFIG`.

Says "ready" with the lease in hand, submits once a line comes in, and says what became of it.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from plaudit.core.labeling import leases, submissions
from plaudit.errors import LeaseLost
from plaudit.settings import Settings
from plaudit.store.engine import connect
from plaudit.store.tasks import projects
from tests.support.labeling_project import lease_ref


async def main(config: dict[str, Any]) -> None:
    place = Settings(data=Path(config["data"]), database=config["database"])
    db = connect.open_database(place)
    async with db.read() as tx:
        project = await projects.find_project_by_key(
            tx, config["environment_id"], config["project_id"]
        )
        lease = await leases.get_lease(tx, project, config["user_id"], config["lease"])
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        await db.write(
            lambda tx: submissions.submit(
                tx, project, lease_ref(lease), config["answers"], client_key="k", active_ms=0
            )
        )
        print("taken", flush=True)
    except LeaseLost as lost:
        print(lost.code, flush=True)
    await db.close()


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
