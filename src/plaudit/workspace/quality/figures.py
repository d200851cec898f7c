"""Figures of a quality report in words, and the coefficients to show of each question."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import UNSET, Struct

from plaudit.wire.manage.quality import (
    AgreementOnQuestion,
    Coefficient,
    QuestionQuality,
    ShareOfCases,
)
from plaudit.workspace.language.speech import language, number, percent, say
from plaudit.workspace.language.words import word
from plaudit.workspace.render.plots import PlotLine, PlotRow


def bounds_of_conclusions() -> list[PlotLine]:
    """Lines of a plot of α: from where on it allows tentative conclusions, and firm ones."""
    return [
        PlotLine(0.667, say("0.667: tentative conclusions")),
        PlotLine(0.8, say("0.8: firm conclusions")),
    ]


class Figure(Struct, frozen=True):
    """A number and its interval in words; where there is no number, the reason `why`."""

    value: str
    interval: str = ""
    why: str = ""


def number_words(value: float | None, digits: int = 3) -> str:
    """A number in the page's language, with a minus sign, never "−0.000"; a dash for None."""
    if value is None:
        return "–"
    text = f"{value:.{digits}f}"
    text = text.removeprefix("-") if float(text) == 0 else text.replace("-", "−")
    return text.replace(".", language().decimal)


def interval_words(low: float | None, high: float | None, digits: int = 3) -> str:
    """The ends of an interval in brackets, empty where one is unknown."""
    if low is None or high is None:
        return ""
    return bracketed(number_words(low, digits), number_words(high, digits))


def bracketed(low: str, high: str) -> str:
    """Ends of an interval that are written already, apart from their decimal commas."""
    return f"[{low}, {high}]" if language().decimal == "." else f"[{low}; {high}]"


def ends_of(found: Coefficient) -> tuple[float | None, float | None]:
    """The ends of a coefficient's interval, None where there is too little to say."""
    low = found.low if isinstance(found.low, float) else None
    return low, found.high if isinstance(found.high, float) else None


def figure_of(found: Coefficient) -> Figure:
    """A coefficient in words."""
    if found.value is None:
        return Figure("–", why="" if found.why is UNSET else found.why)
    return Figure(number_words(found.value), interval_words(*ends_of(found)))


def share_figure(found: ShareOfCases) -> Figure:
    """A share in words: in percent, with the ends of its interval."""
    if found.share is None:
        return Figure("–")
    low, high = found.low, found.high
    ends = (
        ""
        if low is None or high is None
        else bracketed(number(100 * low, 1), number(100 * high, 1))
    )
    return Figure(percent(found.share, 1), ends)


def duration_words(ms: float | None) -> str:
    """A time in seconds, minutes or hours; a dash for None."""
    if ms is None:
        return "–"
    if ms < 10_000:
        return f"{number(ms / 1000, 1)} s"
    seconds = round(ms / 1000)
    if seconds < 60:
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return say("%(minutes)s min %(seconds)s s", minutes=minutes, seconds=seconds)
    return say("%(number)s h %(number_2)s min", number=minutes // 60, number_2=minutes % 60)


def p_words(p: float | None) -> str:
    """A probability by chance; those too small for their digits as such."""
    return f"< {number_words(0.001)}" if p is not None and p < 0.001 else number_words(p)


def plot_row(label: str, found: Coefficient, is_second: bool = False) -> PlotRow:
    """A coefficient as a row of a forest plot."""
    low, high = ends_of(found)
    words = number_words(found.value) if found.value is not None else "–"
    return PlotRow(label, found.value, low, high, words, is_second)


def main_alpha(question: QuestionQuality) -> tuple[str, Coefficient] | None:
    """α of a question's own level with that level; of sets by MASI, of spans by characters."""
    if question.agreement is UNSET:
        if question.spans is UNSET:
            return None
        return "characters", question.spans.alpha
    alpha = question.agreement.alpha
    level = "masi" if "masi" in alpha else question.level
    return (level, alpha[level]) if level in alpha else None


def matching_ac(question: QuestionQuality) -> tuple[str, Coefficient] | None:
    """Gwet's coefficient that α is read beside: AC1 of names, AC2 of scales."""
    if question.agreement is UNSET:
        return None
    if question.level == "nominal":
        return "AC1", question.agreement.ac1
    return "AC2", question.agreement.ac2.quadratic


class NamedCoefficient(Struct, frozen=True):
    """A coefficient with its name for people, and its name in files, which never changes."""

    name: str
    file_name: str
    found: Coefficient


def coefficients(agreement: AgreementOnQuestion) -> Iterator[NamedCoefficient]:
    """Coefficients of agreement, in the order in which they are shown."""
    yield NamedCoefficient(say("percent"), "percent", agreement.percent)
    for level, found in agreement.alpha.items():
        yield NamedCoefficient(_alpha_name(level), f"alpha {level}", found)
    yield NamedCoefficient("Fleiss’ κ", "fleiss", agreement.fleiss)
    yield NamedCoefficient("AC1", "ac1", agreement.ac1)
    yield NamedCoefficient(say("AC2 linear"), "ac2 linear", agreement.ac2.linear)
    yield NamedCoefficient(say("AC2 quadratic"), "ac2 quadratic", agreement.ac2.quadratic)


def unread_names(question: QuestionQuality) -> set[str]:
    """Names of the coefficients that do not fit the level of a question, such as AC2 of names."""
    if question.agreement is UNSET:
        return set()
    return {one.name for one in coefficients(question.agreement)} - _read_names(question)


def _read_names(question: QuestionQuality) -> set[str]:
    alpha = main_alpha(question)
    names = {say("percent")} if alpha is None else {say("percent"), _alpha_name(alpha[0])}
    if question.level == "nominal":
        return names | {"Fleiss’ κ", "AC1"}
    return names | {say("AC2 linear"), say("AC2 quadratic")}


def _alpha_name(level: str) -> str:
    return say("α %(level)s", level=word(level))


def all_coefficients(question: QuestionQuality) -> Iterator[NamedCoefficient]:
    """Every coefficient of a question, those of rankings and spans too."""
    if question.agreement is not UNSET:
        yield from coefficients(question.agreement)
        if question.agreement.choices is not UNSET:
            for choice, found in question.agreement.choices.items():
                yield NamedCoefficient(
                    say("α of %(choice)s", choice=choice),
                    f"alpha of {choice}",
                    found,
                )
    if question.ranking is not UNSET:
        yield NamedCoefficient("Kendall’s W", "kendall w", question.ranking.kendall_w)
        yield NamedCoefficient("τ-b", "tau b", question.ranking.tau_b)
    if question.spans is not UNSET:
        spans = question.spans
        yield NamedCoefficient(say("α of characters"), "alpha of characters", spans.alpha)
        yield NamedCoefficient(say("F1 of equal spans"), "f1 exact", spans.f1_exact)
        yield NamedCoefficient(say("F1 of overlapping spans"), "f1 overlap", spans.f1_overlap)
    if question.abstention is not UNSET:
        alpha = question.abstention.alpha
        yield NamedCoefficient(say("α of answered or not"), "alpha of abstention", alpha)
