"""The registry of import formats holds what the modules of the package declare."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from plaudit import formats
from plaudit.formats.import_format import ImportFormat
from plaudit.formats.registry import FORMATS

OTHERS = {"common", "containers", "detection", "exporting", "files", "import_format", "registry"}
"""Modules of the package that are no format."""


def test_every_module_is_a_format_of_its_name_or_named_here():
    names = {module.name for module in iter_modules(formats.__path__)}

    declared = {
        name.replace("_", "-"): import_module(f"plaudit.formats.{name}").FORMAT
        for name in names - OTHERS
    }

    assert declared == dict(FORMATS)
    assert all(isinstance(one, ImportFormat) and one.name == name for name, one in declared.items())


def test_each_format_has_a_title_and_suffixes():
    for shown in FORMATS.values():
        assert shown.title
        assert not shown.title.endswith(".")
        assert all(suffix.startswith(".") for suffix in shown.suffixes)
