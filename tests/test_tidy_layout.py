"""Where things stand: layers, the rooms inside each, how many modules a room holds, and names."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.support.source import (
    FILES,
    ROOT,
    SOURCE,
    imports,
    module_of,
    name_of,
    part_of,
    room_of,
    trees,
)

LAYERS = (
    (
        *("errors", "model", "ids", "clock", "settings", "json_guard", "mailbox", "private_files"),
        *("texts", "logs"),
    ),
    ("wire",),
    ("store",),
    ("core",),
    ("formats",),
    ("api", "client"),
    ("app", "worker", "page_builder", "workspace"),
    ("demo", "mirror", "partitioned", "spark", "ray"),
    ("cli",),
    ("__main__",),
)
"""From the leaf up: a file imports its own layer and the ones before it."""

ROOMS = {
    "wire": ("v2", "manage", "archive"),
    "store": (
        *("engine", "common", "accounts", "tasks", "page_files", "labeling", "quality"),
        *("quality_control", "managing", "deliveries", "datasets", "webhooks", "transfer"),
    ),
    "core": (
        *("common", "staffing", "outbound", "webhooks", "datasets", "tasks", "labeling", "quality"),
        *("quality_control", "managing", "deliveries", "accounts", "transfer"),
    ),
    "api": ("http", "transfer", "openapi", "attachments", "v2", "manage", "system"),
    "workspace": (
        *("language", "render", "http", "accounts", "annotate", "review", "projects", "webhooks"),
        *("transfer", "quality", "quality_control"),
    ),
}
"""The rooms of each layer in the order of imports: a room imports those before it."""

MODULES_MAX = 24


def layer_of(part: str) -> int:
    for number, parts in enumerate(LAYERS):
        if part in parts:
            return number
    raise AssertionError(f"{part} has no layer; put it where it belongs in LAYERS")


def test_there_is_something_to_look_at():
    assert len(FILES) > 200
    assert {part_of(module_of(path)) for path in FILES} > {"api", "core", "store", "wire", "cli"}


def test_imports_point_down():
    wrong = []
    for path, tree in trees().items():
        own = part_of(module_of(path))
        for line, module in imports(tree):
            part = part_of(module)
            if own and part not in ("", "__version__") and layer_of(part) > layer_of(own):
                wrong.append(f"{name_of(path)}:{line} imports {module}")

    assert wrong == []


def test_the_leaf_imports_nothing_of_ours_but_the_leaf():
    for path, tree in trees().items():
        if part_of(module_of(path)) in LAYERS[0]:
            assert {part_of(module) for _, module in imports(tree)} <= set(LAYERS[0])


def test_the_store_knows_no_wire_and_wire_knows_no_store():
    for path, tree in trees().items():
        others = {"store": "wire", "wire": "store"}
        assert others.get(part_of(module_of(path))) not in {
            part_of(module) for _, module in imports(tree)
        }


def test_the_client_knows_no_server():
    """It runs where there is no store; what it shares with the server are the formats."""
    for path, tree in trees().items():
        if part_of(module_of(path)) == "client":
            assert {part_of(module) for _, module in imports(tree)} & {"api", "store"} == set()


@pytest.mark.parametrize("layer", ROOMS)
def test_every_room_of_a_layer_has_its_place_in_the_order(layer):
    rooms = {room_of(module_of(path)) for path in FILES if part_of(module_of(path)) == layer}

    assert rooms - {""} == set(ROOMS[layer])


@pytest.mark.parametrize("layer", ROOMS)
def test_no_room_imports_one_that_comes_after_it(layer):
    order = {room: number for number, room in enumerate(ROOMS[layer])}
    wrong = [
        f"{name_of(path)}:{line} imports {module}"
        for path, tree in trees().items()
        if part_of(module_of(path)) == layer and room_of(module_of(path))
        for line, module in imports(tree)
        if part_of(module) == layer
        and order.get(room_of(module), 0) > order[room_of(module_of(path))]
    ]

    assert wrong == []


def test_no_modules_import_each_other_in_a_circle():
    graph = {
        module_of(path): {
            module.removeprefix("plaudit").strip(".")
            for _, module in imports(tree)
            if module.removeprefix("plaudit").strip(".") != module_of(path)
        }
        for path, tree in trees().items()
        if module_of(path)
    }

    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' -> '.join(error.args[1])}")


def test_no_folder_holds_more_modules_than_can_be_looked_over():
    counts: Counter[Path] = Counter()
    for base in ("src", "tests", "benchmarks"):
        for path in (ROOT / base).rglob("*"):
            if path.suffix in (".py", ".js") and path.name != "__init__.py":
                counts[path.parent.relative_to(ROOT)] += 1

    assert {str(path): count for path, count in counts.items() if count > MODULES_MAX} == {}


def test_every_package_says_what_it_holds():
    silent = [
        name_of(path)
        for path in SOURCE.rglob("__init__.py")
        if not ast.get_docstring(trees()[path]) and path.parent not in (SOURCE,)
    ]

    assert silent == []


def test_no_two_public_classes_have_one_name():
    homes: defaultdict[str, list[str]] = defaultdict(list)
    for path, tree in trees().items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].append(name_of(path))

    assert {name: files for name, files in homes.items() if len(files) > 1} == {}
