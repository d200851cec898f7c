"""Work that is done once for all tests of a process, or made cheap, where it is not the point."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import httpx2
import jinja2
import pytest
import starlette.routing
from argon2 import PasswordHasher

from plaudit.core.accounts import passwords

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


class _CompiledTemplates(jinja2.BytecodeCache):
    """Compiled templates of pages, for all applications of a test run."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], Any] = {}

    def load_bytecode(self, bucket: Any) -> None:
        bucket.code = self._codes.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Any) -> None:
        self._codes[bucket.key, bucket.checksum] = bucket.code


@pytest.fixture(scope="session", autouse=True)
def _templates_compiled_once() -> Iterator[None]:
    """Let applications share compiled templates: a page's first drawing took 50 ms in each."""
    shared = functools.partial(jinja2.Environment, bytecode_cache=_CompiledTemplates())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jinja2, "Environment", shared)
        yield


@pytest.fixture(scope="session", autouse=True)
def _routes_compiled_once() -> Iterator[None]:
    """Let applications share the patterns of their routes, half of the time to make one."""
    with pytest.MonkeyPatch.context() as patch:
        compile_path = functools.cache(starlette.routing.compile_path)
        patch.setattr(starlette.routing, "compile_path", compile_path)
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
