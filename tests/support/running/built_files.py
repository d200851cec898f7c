"""Page files of a store in the tests' process: built on demand, and compared with the tables."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from plaudit.api.http.file_sending import FileBody
from plaudit.client import compression
from plaudit.core.tasks import listing
from plaudit.core.tasks.listing import TaskQuery
from plaudit.core.tasks.resolve import ScopeNames, find_project
from plaudit.errors import Unavailable
from plaudit.formats.exporting.export_format import ExportOptions
from plaudit.formats.exporting.registry import EXPORT_FORMATS
from plaudit.formats.exporting.run import ExportRequest
from plaudit.formats.exporting.selection import JoinedLines, TaskChoice
from plaudit.formats.exporting.whole_tasks.placed_lines import tasks_of
from plaudit.model.codings import Coding
from plaudit.model.core import DEFAULT_OPTS, TaskStatus
from plaudit.page_builder import PageFileBuilder
from plaudit.store.engine.sqlite import SqliteDatabase
from plaudit.store.page_files.places import PageFiles
from plaudit.wire.v2 import render
from tests.support.harness import World

PROJECT = "project_123"


class BuiltFiles:
    """The page files of a world's store, and their builder, which works when it is told to."""

    def __init__(self, world: World, *, overwrite_s: float = 0.0) -> None:
        assert isinstance(world.db, SqliteDatabase)
        self.world = world
        self.files = PageFiles(world.settings.pages_folder)
        self.builder = PageFileBuilder(world.db, self.files, overwrite_s=overwrite_s)

    def build(self) -> None:
        """Build until nothing is left to do."""

        async def build() -> None:
            while not await self.builder.work():
                pass

        self.world.run(build())

    def page(
        self, *, from_tables: bool = False, coding: Coding | None = None, **query: Any
    ) -> FileBody:
        """A page of the project's tasks; `query` are members of TaskQuery."""
        scope = query.pop("scope", ScopeNames(project_id=PROJECT))
        asked = TaskQuery(scope=scope, opts=int(DEFAULT_OPTS), **query)
        world, environment_id = self.world, self.world.org()

        async def read() -> FileBody:
            async with world.db.read(snapshot=False) as tx:
                files = None if from_tables else self.files
                page = await listing.task_page(
                    tx, world.secret, environment_id, asked, files, coding
                )
                return FileBody(page.parts, page.coding)

        return world.run(read())

    def compare(self, **query: Any) -> bool:
        """Compare a page with that of the tables; True if it came from files."""
        page = self.page(**query)
        try:
            found = page.read()
        except Unavailable:  # once, where a file was cut short that is still open
            page = self.page(**query)
            found = page.read()
        whole = b"".join(self.page(from_tables=True, **query).read())
        assert b"".join(found) == whole
        for coding in Coding if page.is_of_files else ():
            packed = self.page(coding=coding, **query)
            with suppress(Unavailable):  # a file was cut short behind the records
                content = b"".join(packed.read())
                assert packed.coding is (coding if packed.is_of_files else None)
                assert compression.unpacked(content, packed.coding or "", len(whole)) == whole
        return page.is_of_files

    def compare_walk(self, limit: int) -> tuple[int, int]:
        """Compare all pages of a walk with those of the tables; how many, and of files."""
        count = from_files = 0
        token = None
        while True:
            from_files += self.compare(limit=limit, next_token=token)
            count += 1
            content = b"".join(self.page(from_tables=True, limit=limit, next_token=token).read())
            token = msgspec.json.decode(content).get("next_token")
            if token is None:
                return count, from_files

    def lines(self, *, from_tables: bool = False, **choice: Any) -> tuple[list[bytes], int]:
        """Lines and ids of an export of the project, and how many came from files."""
        pieces = self.pieces(from_tables=from_tables, **choice)

        async def read() -> tuple[list[bytes], int]:
            lines, ids, from_files = b"", b"", 0
            async for more_lines, more_ids, count in pieces:
                lines, ids, from_files = lines + more_lines, ids + more_ids, from_files + count
            return [lines, ids], from_files

        return self.world.run(read())

    def pieces(
        self, *, from_tables: bool = False, **choice: Any
    ) -> AsyncIterator[tuple[bytes, bytes, int]]:
        """Pieces of an export of the project: lines, ids, and how many came from files."""
        return self._pieces(self.world.org(), from_tables, TaskChoice(**choice))

    async def _pieces(
        self, environment_id: str, from_tables: bool, choice: TaskChoice
    ) -> AsyncIterator[tuple[bytes, bytes, int]]:
        world, export_format = self.world, EXPORT_FORMATS["v2"]
        request = ExportRequest(
            format=export_format, options=ExportOptions(), out=Path("out.jsonl")
        )
        async with world.db.read() as tx:
            project = await find_project(tx, environment_id, ScopeNames(project_id=PROJECT))
        assert project is not None
        assert export_format.join_stored is not None
        files = None if from_tables else self.files
        async for piece in tasks_of(world.db, files, request, project, None, choice):
            if isinstance(piece, JoinedLines):
                yield piece.lines, b"".join(piece.id_members), piece.count
            else:
                rows = [one.row for one in piece]
                ids = b"".join(render.id_member(row[3]) for row in rows)
                yield b"".join(export_format.join_stored(rows, project)), ids, 0

    def compare_lines(self, **choice: Any) -> int:
        """Compare an export with that of the tables; the number of lines that came from files."""
        lines, from_files = self.lines(**choice)
        assert lines == self.lines(from_tables=True, **choice)[0]
        return from_files

    def compare_all(self, *scopes: ScopeNames, limits: tuple[int, ...] = (1, 7, 100)) -> list[bool]:
        """Compare pages of all statuses and orders; tell of each if it came from files."""
        chosen = itertools.product(
            scopes or (ScopeNames(project_id=PROJECT),),
            (None, TaskStatus.pending, TaskStatus.completed, TaskStatus.canceled),
            (None, 1_735_000_000_000),
            limits,
        )
        return [
            self.compare(scope=scope, status=status, completed_after=after, limit=limit)
            for scope, status, after, limit in chosen
        ]


@contextmanager
def built_files(world: World, **options: Any) -> Iterator[BuiltFiles]:
    """Page files of a store, built once."""
    built = BuiltFiles(world, **options)
    try:
        built.build()
        yield built
    finally:
        built.builder.close()
