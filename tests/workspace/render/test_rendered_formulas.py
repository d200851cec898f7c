"""Formulas in rendered texts."""

from __future__ import annotations

import pytest

from tests.support.running.every_case import every_case
from tests.workspace.render.test_rendering import shown


@every_case(
    "text",
    ["$x^2$", r"\(x\)", r"\[x = 1\]", "$$x$$", "a $x$, b", "$n$th", "$$\nx\n$$", "> $$\n> x\n> $$",
     "$$\na\n- b\n= c\n$$", r"\[" + "\nx_1\n" + r"\]", "- $x$", "|a|\n|-|\n|$x$|", "# $x$",
     r"$\$5 + x$", "text\n$$\nx\n$$\ntext", r"$\frac{a}{b}$", r"**$x$**"]
)  # fmt: skip
def test_a_formula_is_drawn(text):
    page = shown(text)

    assert len(page.all("math")) == 1
    assert "$" not in page.text.replace("$5", "")


@every_case(
    "text",
    ["$5 and $10", "costs $5-$10", "US$5/US$10", "$20 per month or 30$", "5$ and 6$", "$", "$$",
     "$$$", "$5", r"\$x\$", "`$x$`", "    $x$", "$ x $", "$HOME/$USER", "$1,000 to 2,000$",
     r"\[1\]", r"\(see below\)", "$x", "x$", "$\n\n$", "$x\n\ny$", "$$\nx\n\ny\n$$", "a$b$c"]
)  # fmt: skip
def test_money_and_the_like_stay_text(text):
    assert shown(text).all("math") == []


def test_an_amount_of_money_keeps_its_sign():
    assert shown("between $5 and $10, or US$1-$2").text == "between $5 and $10, or US$1-$2\n"


@every_case(
    "latex",
    [r"\begin{matrix} a", r"\left( a", "{" * 1500, r"\def\a{\a\a}\a",
     r"\newcommand{\b}{\b\b}\b", r"\frac{" * 200, "^" * 200, "a" * 3_000, r"\sqrt" * 300,
     r"\sideset{_a}{_b}{" * 30 + "x" + "}" * 30, "a_b_c", r"\skew{x}{y}",
     r"\DeclareMathOperator{\a}{b}", r"\newenvironment{a}{b}{c}"]
)  # fmt: skip
def test_a_formula_that_cannot_be_read_is_shown_as_it_was_written(latex):
    page = shown(rf"before \({latex}=\) after")

    assert page.all("math") == []
    assert latex in page.text
    assert page.faults == []


def test_a_formula_has_no_links():
    page = shown(r"$\href{https://a.example}{x}$")

    assert page.all("a") == []
    assert "href" not in {name for _, attributes in page.elements for name in attributes}


ROWS = [
    rf"\begin{{{name}}}{count} a &= b \\[2pt] c &= d \end{{{name}}}"
    for name, count in (
        *((name, "") for name in ("aligned", "align", "align*", "split", "flalign", "flalign*")),
        *((name, "{2}") for name in ("alignat", "alignat*", "alignedat")),
        ("aligned", "[t]"),
    )
]


@every_case(
    "latex",
    [*ROWS, r"a &= b \\ c &= d", r"\begin{gather} a = b \\ c = d \end{gather}",
     r"\begin{gathered} a = b \\* c = d \end{gathered}",
     r"\begin{eqnarray} a &=& b \\ c &=& d \end{eqnarray}",
     r"\begin{multline} a = b \\ c = d \end{multline}",
     r"\begin{dcases} a & b \\ c & d \end{dcases}",
     r"\begin{equation}\begin{aligned} a &= b \\ &= d \end{aligned}\end{equation}",
     r"x = \left\{ \begin{aligned} a &= b \\ &= d \end{aligned} \right."]
)  # fmt: skip
def test_rows_of_a_formula_stand_below_one_another(latex):
    page = shown(f"$$\n{latex}\n$$")

    assert len(page.all("mtr")) == 2
    assert "&" not in page.text


@pytest.mark.parametrize(
    "latex",
    [r"\begin{foo} a & b \end{foo}", "a & b", r"{a \\ b}", r"\href{https://a.example/word}{x}",
     r"\class{word}{x}"],
)  # fmt: skip
def test_a_formula_that_would_lose_something_is_shown_as_it_was_written(latex):
    page = shown(f"$${latex}$$")

    assert page.all("math") == []
    assert latex in page.text


def test_a_percent_sign_in_a_formula_is_one():
    for latex in ("50%", r"50\%", r"x = 5 % of"):
        assert "%" in shown(f"${latex}$").text
    assert shown("$x = 5% of$").text == "x=5%of\n"


def test_text_in_a_formula_is_text():
    page = shown(r"$\text{<img src=x>} \lt \unicode{3c} \&lt;$")

    assert page.all("img") == []
    assert "<img\u00a0src=x>" in page.text
    assert page.text.count("<") == 3


def test_a_formula_cannot_move_what_it_draws_far_away():
    page = shown(r"$\hspace{9999em}\raise99em{x}\kern-999em \rule{99em}{99em}\hspace{1.5em}$")

    widths = [one.get("width") for one in page.all("mspace")]
    assert [width for width in widths if width] == ["1.5em"]
    assert all("voffset" not in one for one in page.all("mpadded"))


def test_formulas_end_where_the_allowance_of_a_text_ends():
    page = shown("$x$ " * 5_000)

    assert len(page.all("math")) == 1_000
    assert len(page.all("code")) == 4_000
