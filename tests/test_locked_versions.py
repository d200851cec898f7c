"""`requirements/` says what `uv.lock` says, so that pip installs the same files as uv.

The closure of the extras is walked here anew, from the lock alone: what uv exports is compared with
it, package by package. `make lock` brings the three files in line.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import Marker, default_environment
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
LOCK = tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))

EXPORTS = {
    "dev": ("test", "check"),
    "bench": ("test", "check", "bench"),
}
"""A file of `requirements/` and the extras that it holds, beside the group `build`."""

PYTHONS = ("3.11.1", "3.12.1", "3.13.1", "3.14.1", "3.15.0")
PLATFORMS = ("linux", "darwin", "win32")

_LINE = re.compile(
    r"(?P<name>[a-z0-9.-]+)==(?P<version>[^ ;]+)(?: ; (?P<marker>[^\\]+?))?"
    r"(?P<hashes>(?: \\\n    --hash=sha256:[0-9a-f]{64})+)\n"
)

Pin = tuple[str, str]
"""Name and version of a package."""


def exported(name: str) -> dict[Pin, tuple[str | None, list[str]]]:
    """Marker and hashes of each package of a file; fails on a line that is anything else."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text("utf-8")
    assert _LINE.sub("", text) == ""
    return {
        (line["name"], line["version"]): (
            line["marker"],
            re.findall(r"sha256:[0-9a-f]{64}", line["hashes"]),
        )
        for line in _LINE.finditer(text)
    }


def locked(extras: tuple[str, ...], environment: dict[str, str] | None = None) -> set[Pin]:
    """The closure of the extras and of `build`; of every environment if none is given."""
    project = next(one for one in LOCK["package"] if one["source"] == {"editable": "."})
    waiting = [*project["dependencies"], *project["dev-dependencies"]["build"]]
    for extra in extras:
        waiting += project["optional-dependencies"][extra]
    seen: set[tuple[Pin, str | None]] = set()
    while waiting:
        wanted = waiting.pop()
        if environment is not None and "marker" in wanted:
            known = {**default_environment(), **environment}
            if not Marker(wanted["marker"]).evaluate(known):
                continue
        for package in candidates(wanted):
            pin = (package["name"], package["version"])
            for extra in (None, *wanted.get("extra", ())):
                if (pin, extra) in seen:
                    continue
                seen.add((pin, extra))
                optional = package.get("optional-dependencies", {})
                waiting += package.get("dependencies", []) if extra is None else optional[extra]
    return {pin for pin, _ in seen}


def candidates(wanted: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for package in LOCK["package"]:
        version = package.get("version")
        if package["name"] == wanted["name"] and wanted.get("version", version) == version:
            yield package


def hashes_of(pin: Pin) -> list[str]:
    """The hashes of all files of a package in the lock."""
    package = next(one for one in LOCK["package"] if (one["name"], one.get("version")) == pin)
    files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
    return sorted(file["hash"] for file in files)


def _marker(marker: Marker | None, extra: str | None) -> str:
    """A marker as the lock writes it, the extra last."""
    said = str(marker or "").replace('"', "'").replace("python_version", "python_full_version")
    return " and ".join(filter(None, [said, extra and f"extra == '{extra}'"]))


@pytest.mark.parametrize("name", EXPORTS)
def test_the_exported_packages_are_those_of_the_lock(name):
    assert set(exported(name)) == locked(EXPORTS[name])


@pytest.mark.parametrize("name", EXPORTS)
def test_the_exported_hashes_are_those_of_the_lock(name):
    found = {pin: sorted(hashes) for pin, (_, hashes) in exported(name).items()}

    assert found == {pin: hashes_of(pin) for pin in found}


@pytest.mark.parametrize("name", EXPORTS)
@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_exported_markers_choose_what_the_lock_chooses(name, python, platform):
    environment = {"python_full_version": python, "sys_platform": platform}
    known = {**default_environment(), **environment}
    chosen = {
        pin
        for pin, (marker, _) in exported(name).items()
        if marker is None or Marker(marker).evaluate(known)
    }

    assert chosen == locked(EXPORTS[name], environment)


def test_every_file_of_requirements_is_one_that_is_compared():
    assert {path.name for path in (ROOT / "requirements").iterdir()} == {
        f"{name}.txt" for name in EXPORTS
    }


def test_the_lock_is_of_the_dependencies_of_today():
    """Who adds one to pyproject.toml and forgets `make lock` would install without it."""
    project = PROJECT["project"]
    wanted = [(Requirement(text), None) for text in project["dependencies"]]
    for extra, texts in project["optional-dependencies"].items():
        wanted += [(Requirement(text), extra) for text in texts]
    metadata = next(one for one in LOCK["package"] if one["name"] == "plaudit")["metadata"]

    assert sorted(
        (one.name, str(one.specifier), _marker(one.marker, extra)) for one, extra in wanted
    ) == sorted(
        (one["name"], one.get("specifier", ""), one.get("marker", ""))
        for one in metadata["requires-dist"]
    )


def test_the_build_backend_is_the_one_in_the_lock():
    """pip and uv build with what `build` installed; whoever builds alone gets the same version."""
    build = PROJECT["dependency-groups"]["build"]
    pins = {f"{name}=={version}" for name, version in locked(())}

    assert set(PROJECT["build-system"]["requires"]) < set(build) <= pins


def test_the_lock_names_public_hosts_alone():
    text = (ROOT / "uv.lock").read_text("utf-8")

    assert set(re.findall(r"https?://[^/\"]+", text)) == {
        "https://pypi.org",
        "https://files.pythonhosted.org",
    }
