"""Places that a command writes to: a file here, or one in an object store."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from plaudit.cli.progress import require_writable
from plaudit.cli.terminal import refuse
from plaudit.store.datasets.blob_store import SCHEMES, put_files


@contextmanager
def local_file(out: str) -> Iterator[Path]:
    """Yield the path to write to.

    For an s3://, gs://, az:// or file:// URL it is one in a folder for the time being, all of whose
    files are stored beside each other when the block ends without an exception, the manifest last.
    Refuses what cannot be written to.
    """
    if "://" not in out:
        path = Path(out)
        require_writable(path)
        yield path
        return
    scheme, (location, _, name) = urlsplit(out).scheme, out.rpartition("/")
    schemes = (*SCHEMES, "file")
    if scheme not in schemes or not name or name.startswith("."):
        listed = ", ".join(f"{one}://" for one in schemes)
        refuse(f"{out} is no URL of a file that begins with {listed}", code=2)
    put_files(location, [])  # refuses an unusable location before any work is done
    with tempfile.TemporaryDirectory(prefix="plaudit-export-") as folder:
        yield Path(folder) / name
        put_files(location, sorted(Path(folder).iterdir(), key=lambda path: (
            path.name.endswith(".manifest.json"), path.name,
        )))  # fmt: skip


def shown_place(out: str, path: Path) -> str:
    """Name of a file that stands beside `out`, as it is written there."""
    return f"{out.rpartition('/')[0]}/{path.name}" if "://" in out else str(path)
