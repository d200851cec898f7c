"""Compiled templates of pages, for all applications of a test run, its servers among them."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any

import jinja2

from tests.support.databases.postgres import FOLDER_VARIABLE

_FOLDER = "templates"


class _CompiledTemplates(jinja2.BytecodeCache):
    """Kept in memory, and in the run's folder where there is one."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], Any] = {}
        self._files: jinja2.FileSystemBytecodeCache | None = None
        if (place := os.environ.get(FOLDER_VARIABLE)) is not None:
            folder = Path(place) / _FOLDER
            folder.mkdir(parents=True, exist_ok=True)
            self._files = jinja2.FileSystemBytecodeCache(str(folder))

    def load_bytecode(self, bucket: Any) -> None:
        bucket.code = self._codes.get((bucket.key, bucket.checksum))
        if bucket.code is None and self._files is not None:
            self._files.load_bytecode(bucket)
            if bucket.code is not None:
                self._codes[bucket.key, bucket.checksum] = bucket.code

    def dump_bytecode(self, bucket: Any) -> None:
        self._codes[bucket.key, bucket.checksum] = bucket.code
        if self._files is not None:
            self._files.dump_bytecode(bucket)


def sharing_environment() -> Any:
    """`jinja2.Environment` with templates that are compiled once for the whole run."""
    return functools.partial(jinja2.Environment, bytecode_cache=_CompiledTemplates())
