"""Templates are compiled once for all processes, and pages do without it where they must."""

import sys
from pathlib import Path

import jinja2
import pytest

from plaudit.workspace.http.assets import Assets
from plaudit.workspace.http.compiled_templates import compiled_templates
from plaudit.workspace.http.views import TEMPLATES, Views


def views(folder: Path) -> Views:
    return Views(Assets(), (), compiled_templates(folder))


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python may write compiled files, whatever the environment of the tests says."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder in which a process has left every template compiled."""
    folder = tmp_path_factory.mktemp("compiled")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "dont_write_bytecode", False)
        views(folder).compile_templates()
    return folder


def test_every_template_is_kept_compiled(filled: Path):
    assert len(list(filled.iterdir())) == len(list(TEMPLATES.rglob("*.html")))


def test_a_template_that_another_process_compiled_is_not_compiled_again(
    filled: Path, written: None, monkeypatch: pytest.MonkeyPatch
):
    def refuse(*_: object) -> None:
        raise AssertionError("a template was compiled")

    monkeypatch.setattr(jinja2.Environment, "_generate", refuse)

    views(filled).compile_templates()


@pytest.mark.parametrize("damage", [b"", b"x", b"j2" * 400], ids=["empty", "short", "other"])
def test_a_damaged_file_is_made_anew(filled: Path, written: None, damage: bytes):
    path = min(filled.iterdir())
    whole = path.read_bytes()
    path.write_bytes(damage)

    views(filled).compile_templates()

    assert path.read_bytes() == whole


def test_a_file_that_cannot_be_read_or_written_is_done_without(filled: Path, written: None):
    path = min(filled.iterdir())
    whole = path.read_bytes()
    path.unlink()
    path.mkdir()

    views(filled).compile_templates()

    path.rmdir()
    path.write_bytes(whole)


def test_no_file_is_written_where_python_writes_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    assert compiled_templates(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_done_without(tmp_path: Path, written: None):
    (tmp_path / "file").write_text("")

    assert compiled_templates(tmp_path / "file" / "folder") is None
