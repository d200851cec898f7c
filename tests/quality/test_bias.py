"""Bias: place, length, format and identity leaks, against published figures and small cases."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from plaudit.core.quality import clustered_shares
from plaudit.core.quality.clustered_shares import CHANCE
from plaudit.core.quality.comparisons import place_bias, response_style, style_bias
from plaudit.core.quality.comparisons.identity_leaks import IdentityNames
from plaudit.core.quality.comparisons.place_bias import PlaceShare
from plaudit.core.quality.comparisons.response_style import ResponseStyle, columns_of, style_of
from plaudit.core.quality.comparisons.style_bias import LongerWins
from plaudit.core.quality.estimates import Estimate, Undefined
from tests.quality.pandalm import FIRST, TIE, golden, pandalm
from tests.quality.published_votes import published
from tests.support.running.every_case import every_case


def place_of(is_first: Any, tasks: Any, people: Any) -> PlaceShare:
    share = place_bias.place_share(np.array(is_first), np.array(tasks), np.array(people), "shown")
    assert isinstance(share, PlaceShare)
    return share


def test_the_published_share_of_side_one_is_no_finding():
    expected = golden("pandalm-position")["expected"]
    votes = pandalm().arrays
    chose = votes.values != TIE

    share = place_of(votes.values[chose] == FIRST, votes.units[chose], votes.people[chose])

    assert (share.first, share.second) == (expected["first"], expected["second"])
    assert share.share == pytest.approx(expected["share"], abs=1e-12)
    assert share.standard_error == pytest.approx(expected["se"], abs=1e-6)
    assert share.p_value == pytest.approx(expected["p"], abs=1e-6)
    assert share.naive_p == pytest.approx(0.00196, abs=5e-6)
    assert share.says == CHANCE


@pytest.mark.parametrize("by", ["tasks", "people"])
def test_the_larger_of_the_two_errors_counts_whichever_it_is(by):
    """Answers come in tens that are alike, by task or by person; as many groups as facts."""
    rng = np.random.default_rng(3)
    alike = np.repeat(rng.random(60) < 0.5, 10)
    groups, mixed = np.repeat(np.arange(60), 10), rng.permutation(600) % 60

    share = place_of(alike, *((groups, mixed) if by == "tasks" else (mixed, groups)))

    fitted = sm.OLS(alike.astype(float), np.ones(600)).fit()
    robust = fitted.get_robustcov_results("cluster", groups=groups)
    assert share.standard_error == pytest.approx(float(robust.bse[0]), rel=1e-9)


@pytest.mark.parametrize(("heads", "n"), [(0, 3), (5, 10), (8, 10), (1255, 2671), (30_100, 60_000)])
def test_the_naive_probability_is_that_of_the_binomial_test(heads, n):
    exact = stats.binomtest(heads, n).pvalue

    assert clustered_shares.coin_probability(heads, n) == pytest.approx(exact, rel=1e-6)


def test_three_equal_choices_are_no_certainty():
    share = place_of([True] * 3, [0, 1, 2], [0, 0, 0])

    assert share.p_value > 0.05
    assert (share.low, share.high) == (pytest.approx(0.31, abs=0.01), 1.0)


def test_a_share_of_nothing_says_why():
    none = np.empty(0, np.int32)

    assert isinstance(place_bias.place_share(none == 1, none, none, "stored"), Undefined)
    assert isinstance(style_bias.longer_wins(none, none, none), Undefined)
    assert style_bias.format_differences(columns_of([]), columns_of([]), none) == []


def ranked_pairs(node: Any, tree: int) -> list[tuple[int, int, int]]:
    """Lengths of the better and of the worse answer, and the tree, of each ranked pair below."""
    answers = [a for a in node["replies"] if a["role"] == "assistant" and a.get("rank") is not None]
    answers.sort(key=lambda answer: answer["rank"])
    pairs = [
        (len(better["text"]), len(worse["text"]), tree)
        for at, better in enumerate(answers)
        for worse in answers[at + 1 :]
    ]
    return pairs + [pair for reply in node["replies"] for pair in ranked_pairs(reply, tree)]


def test_the_published_share_of_longer_answers_is_reached():
    longer, n, _, _, by_tree = golden("oasst-longer")["expected"]
    lines = published("oasst-en100/en_100_tree.jsonl").read_text("utf-8").splitlines()
    pairs = [
        pair
        for tree, line in enumerate(lines)
        for pair in ranked_pairs(json.loads(line)["prompt"], tree)
    ]

    found = style_bias.longer_wins(*np.array(pairs).T)

    assert isinstance(found, LongerWins)
    assert (found.longer, found.n) == (longer, n)
    assert found.standard_error == pytest.approx(by_tree, abs=1e-6)
    wilson = stats.binomtest(longer, n).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((wilson.low, wilson.high), abs=1e-12)
    assert found.says == "longer responses win more often"


def test_the_slope_is_that_of_a_logistic_regression_clustered_by_task():
    rng = np.random.default_rng(6)
    lengths = np.rint(rng.lognormal(6, 1, (600, 2)))
    ratio = np.log2((1 + lengths[:, 0]) / (1 + lengths[:, 1]))
    wins = rng.random(600) < 1 / (1 + np.exp(-0.4 * ratio))
    tasks = np.arange(600) // 3
    winners = np.where(wins, lengths[:, 0], lengths[:, 1])
    losers = np.where(wins, lengths[:, 1], lengths[:, 0])

    found = style_bias.longer_wins(winners, losers, tasks)

    assert isinstance(found, LongerWins)
    assert isinstance(found.slope, Estimate)
    family = sm.families.Binomial()
    plain = sm.GLM(wins.astype(float), ratio, family=family)
    fitted = plain.fit(cov_type="cluster", cov_kwds={"groups": tasks})
    assert found.slope.value == pytest.approx(float(fitted.params[0]), abs=1e-8)
    reach = 1.959964 * float(fitted.bse[0])
    assert found.slope.low == pytest.approx(found.slope.value - reach, abs=1e-4)


def test_a_slope_without_bound_says_so():
    found = style_bias.longer_wins(np.array([9, 8, 7]), np.array([1, 2, 3]), np.arange(3))

    assert isinstance(found, LongerWins)
    assert isinstance(found.slope, Undefined)


def test_formats_are_compared_between_winners_and_losers():
    with_list, plain = ResponseStyle(9, 0, 3, 0, 0), ResponseStyle(9, 0, 0, 0, 0)
    winners = columns_of([with_list] * 60 + [plain] * 40)
    losers = columns_of([plain] * 80 + [with_list] * 20)

    headers, lists, bold, code = style_bias.format_differences(winners, losers, np.arange(100))

    assert (lists.winners, lists.losers) == (0.6, 0.2)
    assert lists.difference == pytest.approx(0.4)
    cases = np.array([1.0] * 60 + [0.0] * 20 + [-1.0] * 20)
    assert lists.standard_error == pytest.approx(float(stats.sem(cases)))
    assert lists.says == "responses with lists win more often"
    assert {one.says for one in (headers, bold, code)} == {CHANCE}


@pytest.mark.parametrize(
    ("text", "style"),
    [
        ("", ResponseStyle(0, 0, 0, 0, 0)),
        ("# One\n\ntext\n## Two\n#three", ResponseStyle(25, 2, 0, 0, 0)),
        ("- a\n* b\n  1. c\n12) d\n-e\n1.5 f", ResponseStyle(29, 0, 4, 0, 0)),
        ("**a** b __c d__ ** e ** **f\ng**", ResponseStyle(31, 0, 0, 2, 0)),
        ("x\n```py\n# no\n- no **no**\n```\n- yes", ResponseStyle(34, 0, 1, 0, 1)),
        ("```\n# never closed", ResponseStyle(18, 0, 0, 0, 1)),
        ("~~~~\n```\n~~~~\n# yes", ResponseStyle(19, 1, 0, 0, 1)),
    ],
)
def test_marks_of_markdown_are_counted_outside_of_code(text, style):
    assert style_of(text) == style


@pytest.mark.parametrize(
    "hostile", ["*" * 200_000, "`" * 200_000, "```\n" * 50_000, "__a" * 60_000]
)
def test_hostile_text_is_counted_quickly(hostile):
    assert style_of(hostile).length == len(hostile)


def test_relative_differences_lie_between_minus_one_and_one():
    first, second = np.array([3, 0, 0, 5]), np.array([1, 0, 4, 5])

    assert response_style.relative_differences(first, second).tolist() == [0.5, 0, -1, 0]


NAMES = IdentityNames(["llama-7b", "user", "m1", "Zeta"])


@every_case(
    "text, found",
    [
        ("As LLAMA-7B, I cannot say", ["llama-7b"]),
        ("I am ChatGPT, made by OpenAI.", ["ChatGPT", "OpenAI"]),
        ("I'm Claude, and I was trained by Anthropic.", ["Anthropic", "Claude"]),
        ("My name is Bard.", ["Bard"]),
        ("I am a large language model trained by Google.", ["Google"]),
        ("Search it with Google, or ask Claude Monet's llama", []),
        ("zetas and xllama-7b and user m1", []),
        ("Zeta wins", ["Zeta"]),
        ("I am happy. Claude is a painter.", []),
    ],
)
def test_names_are_found_as_names(text, found):
    assert NAMES.in_response(text) == found


def test_what_the_prompt_names_is_no_leak():
    assert NAMES.in_response("OpenAI was founded in 2015", "When was OpenAI founded?") == []


def test_without_names_of_its_own_a_project_still_has_vendors():
    assert IdentityNames([]).in_response("by openai") == ["OpenAI"]
