"""Win rates of models against one another, from the leaderboard's scores, as small multiples.

The scores are those of a Bradley–Terry model (docs/quality): between two models of one component
they say which share of their comparisons each is expected to win, a tie counting half for both.
"""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup
from msgspec import Struct

from plaudit.wire.manage.quality_people import LeaderboardModel
from plaudit.workspace.language.speech import percent, say
from plaudit.workspace.render.win_panel import win_panel

PANELS_MAX = 8
"""Models that have a picture, the best first, and opponents in each."""


class WinPanel(Struct, frozen=True):
    """A model, its expected shares of wins by opponent, and the picture of them."""

    model: str
    votes: int
    shares: list[tuple[str, float]]
    mean: float
    picture: Markup


class WinRates(Struct, frozen=True):
    """Panels of models, best first; `more` models have none. Empty where nothing is compared."""

    panels: list[WinPanel]
    more: int


def win_rates(models: Sequence[LeaderboardModel]) -> WinRates:
    """Expected win rates of each model against the others of its component."""
    scored = [one for one in models if one.score is not None]
    panels = []
    for one in scored[:PANELS_MAX]:
        shares = [
            (other.model, _share(one, other))
            for other in scored
            if other is not one and other.component == one.component
        ]
        if not shares:
            continue
        shown = shares[:PANELS_MAX]
        title = say("Expected share of wins of %(name)s", name=one.model)
        rows = [(name, share, percent(share)) for name, share in shown]
        panels.append(
            WinPanel(
                model=one.model,
                votes=one.n,
                shares=shown,
                mean=sum(share for _, share in shares) / len(shares),
                picture=Markup(win_panel(title, rows)),
            )
        )
    return WinRates(panels, len(models) - len(panels) if panels else 0)


def _share(one: LeaderboardModel, other: LeaderboardModel) -> float:
    assert one.score is not None
    assert other.score is not None
    return float(1 / (1 + 10 ** ((other.score - one.score) / 400)))
