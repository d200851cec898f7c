"""The demonstration: a server with sample conversations, in a folder that goes when it stops."""

from __future__ import annotations

import asyncio
import signal
import sys
import tempfile
from importlib.resources import as_file, files
from pathlib import Path

import msgspec

from plaudit import app as server
from plaudit import settings
from plaudit.core import access, secrets
from plaudit.core.intake import Reject, Source, import_sources
from plaudit.formats import files as format_files
from plaudit.model import Role
from plaudit.settings import Settings
from plaudit.store import opening

PROJECT = "My Test Project"

_WELCOME = """
Plaudit is running with sample data at {url}

  API key   {key}
  Try it    curl -s "{url}/v2/tasks?project_name=My+Test+Project&status=completed&limit=1" \\
              -H "Authorization: Bearer {key}"
  Read on   {url}/docs

Stop it with Ctrl-C; nothing is kept.
"""


def run(port: int) -> None:
    """Import the sample data, print how to reach it, and serve until told to stop."""
    server.require_free_port("127.0.0.1", port)
    # Told to stop at any moment, the folder is still removed.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    with tempfile.TemporaryDirectory(prefix="plaudit-demo-") as folder:
        chosen = msgspec.structs.replace(
            settings.from_environment(),
            data=Path(folder),
            database=None,
            secret_file=None,
            log_level="warning",
        )
        opening.prepare(chosen)
        secrets.make(chosen.secret_path)
        key = asyncio.run(_fill(chosen))
        print(_WELCOME.format(url=f"http://127.0.0.1:{port}", key=key), flush=True)
        server.serve(chosen, host="127.0.0.1", port=port)


async def _fill(chosen: Settings) -> str:
    """Import the sample archive and make a key."""
    secret = secrets.load(chosen.secret_path)
    db = opening.open_database(chosen)
    try:
        await secrets.bind(db, secret, chosen.secret_path)
        await access.create_account(db, "default")
        org_id = await access.get_org(db, "default", "live")
        with as_file(files("plaudit.demo") / "sample.jsonl") as path:
            source = Source(path, lambda: format_files.entries(path, "archive", lambda at: None))
            await import_sources(db, org_id, lambda: [source], on_reject=_refuse_sample)
        return await access.create_key(
            db, secret, org_id=org_id, mode="live", name="demo", role=Role.admin
        )
    finally:
        await db.close()


def _refuse_sample(reject: Reject) -> None:
    raise AssertionError(f"the sample data is not sound: {reject}")
