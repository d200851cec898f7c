"""Hostile lines of what the operator alone imports: refused with a reason, never half stored."""

from __future__ import annotations

import base64
import hashlib

import pytest

from plaudit.core.transfer import attachment_archive, row_import
from plaudit.core.transfer.archive_line import ARCHIVE_VERSION
from plaudit.store.engine import checks
from tests.support.busy_organization import begin_everything
from tests.support.moves import archive_of, rows_of, values_of

HOSTILE = (
    None, True, -1, 2**31, 2**53 + 1, 2**62, 1.5, "", "\n", "x" * 300, "9999-12-31",
    "0001-01-01", "http://[", "a" * 3000, [], [None], [[]], {}, {"": {}}, {"t0u0": [2**40]},
    {"reason": 7}, {"fixes": 7}, {"fixes": [7], "before": [7]}, [{"at": 7}],
)  # fmt: skip
LONG = 100_000
KINDS = (*row_import.KINDS, attachment_archive.KIND)


def variants(value: dict[str, object], number: int) -> list[dict[str, object]]:
    """A value with each of its members replaced by each hostile one, or left out, under new ids."""
    found = [{name: value[name] for name in value if name != left} for left in value]
    found += [value | {name: hostile} for name in value for hostile in HOSTILE]
    for place, variant in enumerate(found):
        if variant.get("id") == value.get("id") and place % 2:
            variant["id"] = f"{str(value.get('id'))[:-7]}{number:03x}{place:04x}"
    return found


def test_no_hostile_line_breaks_an_import_or_the_store(world):
    begin_everything(world)
    lines = archive_of(world)
    before = len(lines)
    for kind in KINDS:
        # Pieces of a large file are passed over: each variant of one would be a megabyte.
        values = [value for value in values_of(lines, kind) if len(str(value)) < LONG]
        rows = [
            {"kind": kind, "value": variant}
            for number, value in enumerate((values[0], values[-1]))
            for variant in variants(value, number)
        ]

        summary, rejects = world.load(rows, "archive")

        assert summary.rows_read == len(rows)
        assert summary.total("rejected") == len(rejects) > len(rows) // 2, kind
        assert all(reject.message for reject in rejects)
        assert world.run(checks.violations(world.db)) == {}, kind
    assert len(archive_of(world)) >= before
    assert world.load(archive_of(world), "archive")[1] == []


def file_line(piece: bytes, offset: int = 0, **changes: object) -> dict[str, object]:
    whole = b"0123456789"
    value = {
        "id": f"attachment_{'5' * 32}", "name": "ten", "created_at": "2025-01-01T00:00:00.000Z",
        "size": 10, "sha256": hashlib.sha256(whole).hexdigest(), "offset": offset,
        "content": base64.b64encode(piece).decode(),
    }  # fmt: skip
    return {"kind": "attachment", "value": value | changes}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([file_line(b"01234")], "the last piece"),
        ([file_line(b"01234"), file_line(b"6789", 6)], "the pieces before this one"),
        ([file_line(b"56789", 5)], "the pieces before this one"),
        ([file_line(b"01234"), file_line(b"56789", 5, name="other")], "the pieces before this one"),
        ([file_line(b"01234"), file_line(b"56789x", 5)], "a piece has at least one byte"),
        ([file_line(b"")], "a piece has at least one byte"),
        ([file_line(b"01234x6789")], "the bytes are not those of the file"),
        ([file_line(b"0123456789", size=2**40)], "an attachment has at most"),
        ([file_line(b"0123456789", id="attachment_../../a")], "an attachment's id"),
        ([file_line(b"0123456789", content="é")], "expected base64"),
    ],
)
def test_a_file_that_is_not_whole_is_refused_and_leaves_nothing(tenant, lines, message):
    _, rejects = tenant.load(lines, "archive")

    assert message in rejects[0].message
    assert values_of(archive_of(tenant), "attachment") == []
    assert tenant.load([file_line(b"01234"), file_line(b"56789", 5)], "archive")[1] == []
    [whole] = values_of(archive_of(tenant), "attachment")
    assert base64.b64decode(whole["content"]) == b"0123456789"


def test_a_lease_or_submission_cannot_take_what_is_taken(world):
    begin_everything(world)
    lines = archive_of(world)
    lease = next(one for one in values_of(lines, "lease") if one["status"] == "open")
    submission = next(one for one in values_of(lines, "submission") if one["is_current"])
    taken = lease | {"id": "other", "user": "rev"}
    rows = [
        ("lease", taken),
        ("lease", lease | {"id": "another"}),
        ("lease", lease | {"id": "nobodys", "user": "nobody"}),
        ("lease", lease | {"id": "of nothing", "task": "absent"}),
        ("lease", lease | {"id": "ended", "ended_at": lease["created_at"]}),
        ("submission", submission | {"id": "twice"}),
        ("submission", submission | {"id": "no lease", "lease": "absent"}),
        ("submission", submission | {"answers": []}),
    ]
    before = rows_of(world, "assignment"), rows_of(world, "task_work"), rows_of(world, "submission")

    _, rejects = world.load([{"kind": kind, "value": one} for kind, one in rows], "archive")

    assert len(rejects) == len(rows)
    after = rows_of(world, "assignment"), rows_of(world, "task_work"), rows_of(world, "submission")
    assert before == after


def test_an_archive_of_a_newer_version_is_named_as_that(tenant):
    first = {
        "kind": "organization",
        "value": {"archive": "plaudit", "version": ARCHIVE_VERSION + 1},
    }

    _, [reject] = tenant.load([first], "archive")

    assert (reject.pointer, "a newer version" in reject.message) == ("/value/version", True)
