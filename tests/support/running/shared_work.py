"""Work that is done once for all tests of a process, or made cheap, where it is not the point."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence

import httpx2
import pytest
import starlette.routing
from argon2 import PasswordHasher

from plaudit.core.accounts import passwords
from plaudit.store.engine import migrator
from plaudit.workspace.http import links, page_checks
from plaudit.workspace.http.page import Page

_PRODUCT_HASHER = passwords._HASHER


@pytest.fixture(scope="session", autouse=True)
def _one_tls_context() -> Iterator[None]:
    """Let clients share what they never use on loopback: reading the authorities takes 30 ms each.

    Servers are polled until they are ready, and races start dozens of clients.
    """
    context = httpx2.create_ssl_context()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("httpx2._transports.default.create_ssl_context", lambda **_: context)
        yield


URLS_MAX = 2_000


@pytest.fixture(scope="session", autouse=True)
def _urls_parsed_once() -> Iterator[None]:
    """Let clients parse a URL once: four times for each request were a third of a quick one.

    What is parsed is a tuple that nobody changes, and a URL that is none raises each time.
    """
    parse = functools.lru_cache(URLS_MAX)(httpx2._urlparse.urlparse)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpx2._urlparse, "urlparse", parse)
        patch.setattr(httpx2._urls, "urlparse", parse)
        yield


@pytest.fixture(scope="session", autouse=True)
def _routes_compiled_once() -> Iterator[None]:
    """Let applications share the patterns of their routes, half of the time to make one."""
    with pytest.MonkeyPatch.context() as patch:
        compile_path = functools.cache(starlette.routing.compile_path)
        patch.setattr(starlette.routing, "compile_path", compile_path)
        yield


@pytest.fixture(scope="session", autouse=True)
def _pages_declared_once() -> Iterator[None]:
    """Let applications share patterns of paths and the check of all pages, a third of the rest."""
    compile_all = functools.cache(links.compile_paths)
    check, checked = page_checks.check_pages, dict[tuple[int, ...], Sequence[Page]]()

    def check_once(pages: Sequence[Page]) -> None:
        key = tuple(map(id, pages))
        if key not in checked:
            check(pages)
            checked[key] = pages

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(links, "compile_paths", lambda paths: compile_all(tuple(paths)))
        patch.setattr(page_checks, "check_pages", check_once)
        yield


@pytest.fixture(scope="session", autouse=True)
def _migrations_read_once() -> Iterator[None]:
    """Let stores share the texts of migrations, which each read to be opened."""
    read, kept = migrator.migrations, dict[int, list[migrator.Migration]]()

    def migrations(dialect: migrator.Dialect) -> list[migrator.Migration]:
        if id(dialect) not in kept:
            kept[id(dialect)] = read(dialect)
        return list(kept[id(dialect)])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migrator, "migrations", migrations)
        yield


@pytest.fixture(scope="session", autouse=True)
def _passwords_hashed_fast() -> Iterator[None]:
    """Let a hash cost almost nothing; `product_hasher` is for what concerns its cost."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_HASHER", PasswordHasher(1, 64, 1))
        yield


@pytest.fixture
def product_hasher(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The product's own hashes of passwords, which take 30 ms."""
    monkeypatch.setattr(passwords, "_HASHER", _PRODUCT_HASHER)
    passwords._nobodys_hash.cache_clear()
    yield
    passwords._nobodys_hash.cache_clear()
