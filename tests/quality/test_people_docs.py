"""Pages on people, bias and leaderboards: the bounds that they state are those of the code."""

from __future__ import annotations

import re

from plaudit.core.quality.comparisons import identity_leaks, rating_history, style_bias
from plaudit.core.quality.people import dawid_skene, drift, flag_tests, flags, person_scores
from tests.quality.test_simulated_people import CAUGHT_MIN
from tests.support.running.every_case import every_case
from tests.support.source import ROOT

PAGES = ROOT / "docs" / "quality"


def page(name: str) -> str:
    return " ".join((PAGES / name).read_text("utf-8").split())


def test_every_flag_has_its_row():
    rows = re.findall(r"^\| `([\w-]+)` \|", (PAGES / "people.md").read_text("utf-8"), re.M)

    assert set(rows) == {str(kind) for kind in flags.FlagKind}
    assert set(CAUGHT_MIN) == set(flags.FlagKind)


@every_case(
    "name, words",
    [
        ("people.md", f"{flag_tests.FAST_SHARE_MAX:.0%}".replace("%", " %")),
        ("people.md", f"at least {flag_tests.SPEED_TASKS_MIN} tasks took under"),
        ("people.md", f"under {flag_tests.FAST_RATIO} of the project's median"),
        ("people.md", f"less likely than {flag_tests.RUN_PROBABILITY} by chance"),
        ("people.md", f"at least {flag_tests.COPIED_TEXTS_MIN} justifications"),
        ("people.md", f"of {flag_tests.TEXT_CHARS_MIN} characters or more"),
        ("people.md", f"at least {flag_tests.SIDED_VOTES_MIN} choices"),
        ("people.md", f"by {flag_tests.SIDED_DIFFERENCE_MIN} or more"),
        ("people.md", f"over at least {drift.TASKS_MIN} tasks"),
        ("people.md", f"rate of {flags.FALSE_DISCOVERY_RATE} "),
        ("people.md", f"{person_scores.EWMA_WEIGHT} of the newest"),
        ("annotator-model.md", f"with {dawid_skene.SMOOTHING} added"),
        ("annotator-model.md", f"less than {dawid_skene.CHANGE_MIN:.0e}".replace("e-0", "e-")),
        ("annotator-model.md", f"after {dawid_skene.ROUNDS_MAX} rounds"),
        ("annotator-model.md", f"more than {dawid_skene.CATEGORIES_MAX} categories"),
        ("bias.md", f"the first {identity_leaks.TEXT_CHARS_MAX:,} characters"),
        ("leaderboard.md", f"K = {rating_history.FACTOR:.0f}"),
        *(("bias.md", word.removesuffix("s")) for word in style_bias.FORMATS),
    ],
)
def test_bounds_are_stated_as_they_are(name, words):
    assert words in page(name)
