"""Page on disagreements: its bounds, keys and words are those of the code."""

from __future__ import annotations

import re

from plaudit.core.labeling.adjudication import disagreement
from plaudit.core.labeling.types import rules_of
from plaudit.core.tasks.forms import Field, Level
from plaudit.model.labeling import DisagreementReason
from plaudit.wire.v2.annotation import AnnotationType
from tests.support.source import ROOT

PAGE = (ROOT / "docs" / "quality" / "disagreement.md").read_text("utf-8")
SCRIPT = ROOT / "src" / "plaudit" / "workspace" / "static" / "review" / "settling.js"


def test_each_reason_has_the_key_that_the_page_binds():
    rows = dict(re.findall(r"^\| `(\w)` \| `(\w+)` \|", PAGE, re.M))

    assert sorted(rows.values()) == sorted(DisagreementReason)
    bound = re.search(r"WHYS = {(.*)}", SCRIPT.read_text("utf-8"))
    assert rows == dict(re.findall(r'(\w): "(\w+)"', bound[1]))


def test_each_type_that_people_are_asked_for_has_its_distance():
    named = {name for row in re.findall(r"^\| (`.*?) \|", PAGE, re.M) for name in row.split("`")}
    asked = {
        kind
        for kind in AnnotationType
        if rules_of(Field(key="k", level=Level.turn, type=kind)).widget is not None
    }

    assert asked <= named
    assert f"more than {disagreement.PAIRS_MAX:,} pairs" in PAGE
