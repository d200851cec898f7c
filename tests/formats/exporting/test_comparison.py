"""Rows of judged turns: what is no preference, rewrites, contexts, labels and targets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plaudit.core.tasks.forms import preset
from plaudit.formats.exporting.comparison import Skip, VerdictKind
from tests.formats.exporting.making import (
    NO_FORM,
    SPLIT,
    TWO,
    answers,
    asked,
    chose,
    compared,
    make,
    rated,
    said,
    scaled,
    sides,
    task_of,
    tied,
)

# --- what is no preference ---


@pytest.mark.parametrize("flag", ["not_applicable", "cannot_assess"])
def test_what_cannot_be_assessed_is_no_preference(flag):
    turn = asked(TWO, chose("a") | {flag: True})

    assert make("trl-preference", turn).skipped == {"no_preference": 1}


def test_a_verdict_for_a_response_that_is_not_there_is_named():
    made = make("trl-preference", asked(TWO, chose("z")))

    assert (made.rows, made.skipped) == ([], {"unknown_response": 1})
    by_rating = asked([rated("a", "Yes.", n=2), rated("b", "No.", n=1)], chose("z"))
    assert make("trl-preference", by_rating, prefer="n").skipped == {"unknown_response": 1}


def test_responses_that_are_all_refused_are_all_bad():
    bad = [rated("a", "Yes.", acceptable=False), rated("b", "No.", acceptable=False)]

    assert make("trl-preference", asked(bad)).skipped == {"all_bad": 1}


@pytest.mark.parametrize("word", ["tie", "same", "equal", "both_good"])
def test_words_for_a_tie_are_one(word):
    assert compared(asked(TWO, tied(word))).kind is VerdictKind.tie


def test_ratings_decide_only_where_nothing_else_does():
    responses = [rated("a", "Yes.", n=5), rated("b", "No.", n=2)]

    assert make("trl-preference", asked(responses)).skipped == {"no_preference": 1}
    assert sides(make("trl-preference", asked(responses), prefer="n")) == [("Yes.", "No.")]
    assert make("trl-preference", asked(responses), prefer="n", min_difference=4).skipped == {
        "tie": 1
    }
    by_person = asked(responses, chose("b"))
    assert sides(make("trl-preference", by_person, prefer="n")) == [("No.", "Yes.")]


def test_a_better_response_with_a_lower_rating_is_flagged_and_kept():
    responses = [
        rated("a", "Yes.", overall=2, acceptable=False),
        rated("b", "No.", overall=4, acceptable=True),
    ]

    made = make("trl-preference", asked(responses, chose("a")))

    assert made.flags == [["rating_conflict", "unacceptable"]]
    labels = make("trl-kto", asked(responses, chose("a"))).rows
    assert [row["label"] for row in labels] == [False, True]


def test_a_difference_of_fractions_counts_as_it_reads():
    def scored(source: str, score: float) -> dict[str, object]:
        rating = {"key": "n", "type": "rubric_rating", "value": {"score": score}}
        return said("assistant", source, source_id=source, annotations=[rating])

    responses = [scored("a", 0.3), scored("b", 0.1)]

    assert sides(make("trl-preference", asked(responses), prefer="n", min_difference=0.2)) == [
        ("a", "b")
    ]


# --- rewrites ---


def test_a_rewrite_is_better_than_what_it_was_made_of():
    responses = [rated("a", "Yes.", rewrite="Yes, it is."), rated("b", "No.")]
    turn = asked(responses, chose("a"))

    assert sides(make("trl-preference", turn)) == [("Yes.", "No.")]
    assert sides(make("trl-preference", turn, uses_rewrites=True)) == [
        ("Yes.", "No."), ("Yes, it is.", "Yes."),
    ]  # fmt: skip


def test_where_all_are_bad_a_rewrite_is_better_than_each():
    responses = [rated("a", "Yes.", rewrite="Yes, it is."), rated("b", "No.")]

    made = make("trl-preference", asked(responses, tied("all_bad")), uses_rewrites=True)

    assert sides(made) == [("Yes, it is.", "Yes."), ("Yes, it is.", "No.")]
    assert made.skipped == {"all_bad": 1}


def test_a_rewrite_among_the_responses_does_not_lose_to_the_selected_one():
    responses = [*TWO, *answers(rewrite="Yes, it is.")]
    turn = asked(responses, chose("a"), scaled(1))

    assert sides(make("trl-preference", turn)) == [("Yes.", "No.")]
    assert make("trl-preference", turn).row["margin"] == 1.0
    assert sides(make("trl-preference", turn, uses_rewrites=True)) == [
        ("Yes.", "No."), ("Yes, it is.", "Yes."),
    ]  # fmt: skip
    assert make("trl-messages", turn).row["messages"][-1]["content"] == "Yes, it is."


def test_a_person_may_be_one_of_two_that_are_compared():
    turn = asked(answers(human="Yes.", model="No."), chose("model"))

    assert sides(make("trl-preference", turn)) == [("No.", "Yes.")]


def test_a_selected_rewrite_wins_over_the_others():
    turn = asked([*TWO, *answers(rewrite="Yes, it is.")], chose("rewrite"))

    assert sides(make("trl-preference", turn)) == [
        ("Yes, it is.", "Yes."), ("Yes, it is.", "No."),
    ]  # fmt: skip


# --- contexts and texts ---


def test_the_conversation_goes_on_with_the_better_response():
    turns = [asked(TWO, chose("b")), asked(answers(c="C", d="D"), chose("c"), number=1)]

    rows = make("trl-preference", *turns).rows

    assert [one["content"] for one in rows[1]["prompt"]] == ["Question 0", "No.", "Question 1"]


@pytest.mark.parametrize(
    ("first", "told"),
    [
        (asked(TWO, tied()), None),
        (asked(TWO, tied(), {"key": "continued_from", "type": "category", "value": "a"}), "Yes."),
        (asked([rated("a", "Yes.", rewrite="Yes!"), *TWO[1:]], chose("a")), "Yes!"),
        (asked([*TWO, *answers(rewrite="So.")], tied()), "So."),
        (asked(answers(a="Alone.")), "Alone."),
    ],
)
def test_the_context_follows_what_is_known_or_the_rest_is_counted(first, told):
    made = make("trl-preference", first, asked(answers(c="C", d="D"), chose("c"), number=1))

    later = [[one["content"] for one in row["prompt"]] for row in made.rows]
    if told is None:
        assert made.skipped["ambiguous_context"] == 1
    else:
        assert ["Question 0", told, "Question 1"] in later


def test_where_each_vote_counts_the_majority_still_chooses_the_context():
    turns = [
        asked(TWO, chose("a", votes=SPLIT)),
        asked(answers(c="C", d="D"), chose("c"), number=1),
    ]

    made = make("trl-preference", *turns, judges="each")

    assert made.skipped == {}
    assert made.rows[-1]["prompt"][1]["content"] == "Yes."


def test_only_the_last_turn_on_demand():
    turns = [asked(TWO, chose("b")), asked(answers(c="C", d="D"), chose("c"), number=1)]

    made = make("trl-preference", *turns, last_turn_only=True)

    assert (len(made.rows), made.skipped) == (1, {"not_last_turn": 1})


def test_a_text_that_was_something_else_is_never_exported():
    task = task_of(asked(TWO, chose("a")), metadata={"import_flags": ["coerced_to_text"]})

    assert [one.skip for one in task.comparisons] == [Skip.coerced_text]


@pytest.mark.parametrize(
    ("responses", "reason"),
    [
        (answers(a="Yes.", b=""), "empty_response"),
        (answers(a=" \n", b="No."), "empty_response"),
        (answers(a="Yes.", b="Yes."), "identical"),
        (answers(a="Yes."), "single_response"),
    ],
)
def test_sides_that_teach_nothing_are_counted(responses, reason):
    assert make("trl-preference", asked(responses, chose("a"))).skipped == {reason: 1}


def test_text_keeps_its_outer_white_space():
    assert sides(make("trl-preference", asked(answers(a=" Yes.\n", b="No."), chose("a")))) == [
        (" Yes.\n", "No.")
    ]


# --- labels and targets ---


@given(st.integers(1, 5), st.sampled_from(("overall", "helpful")))
def test_a_rating_labels_above_its_middle_and_an_overall_one_by_fifths(value, key):
    prefer = None if key == "overall" else key
    made = make("trl-kto", asked([rated("a", "Yes.", **{key: value})]), prefer=prefer)

    labels = [row["label"] for row in made.rows]
    assert labels == ([] if value == 3 else [value > 3])
    assert sum(made.skipped.values()) == (value == 3)


def test_a_value_outside_of_its_scale_labels_nothing():
    made = make("trl-kto", asked([rated("a", "Yes.", n=80)]), prefer="n")

    assert made.skipped == {"no_label": 1}


def test_equals_are_desirable_on_demand():
    turn = asked(TWO, tied())

    assert make("trl-kto", turn).skipped == {"no_label": 2}
    assert [row["label"] for row in make("trl-kto", turn, ties="both-desirable").rows] == [True] * 2


def test_what_is_labelled_bad_is_no_target():
    single = asked([rated("a", "Yes.", overall=2)])
    best = asked([rated("a", "Yes.", acceptable=False), rated("b", "No.")], chose("a"))

    assert make("trl-messages", single).skipped == {"no_target": 1}
    assert make("trl-messages", best).skipped == {"no_target": 1}


REWRITES = preset("RLHF: Pref Ranking with Rewrites")


@pytest.mark.parametrize("form", [NO_FORM, REWRITES])
def test_a_rewrite_is_the_target_and_else_the_best_response_on_demand_rewrites_alone(form):
    single = asked(answers(a="Yes."))
    unrated = asked(TWO, chose("a"))
    bad = asked([rated("a", "Yes.", acceptable=False), rated("b", "No.")], chose("a"))
    rewritten = asked([rated("a", "Yes.", rewrite="Yes!"), rated("b", "No.")], chose("a"))
    written = asked(answers(a="Yes.", human="Yes!"), chose("human"))

    def learnt(turn, **choices):
        made = make("trl-messages", turn, form=form, **choices)
        return made.row["messages"][-1]["content"] if made.rows else made.skipped

    assert [learnt(one) for one in (single, unrated, rewritten, written)] == [
        *("Yes.", "Yes.", "Yes!", "Yes!"),
    ]
    assert learnt(bad) == {"no_target": 1}
    alone = [learnt(one, only_rewrites=True) for one in (single, unrated, bad)]
    assert alone == [{"no_rewrite": 1}] * 3
    assert [learnt(one, only_rewrites=True) for one in (rewritten, written)] == ["Yes!", "Yes!"]


def test_references_are_targets_on_demand_and_each_once():
    question = said("user", "Is it?", reference_texts=[{"content": "It is.", "category": "gold"}])
    response = said("assistant", "Yes.", source_id="a",
                    reference_texts=[{"content": "It is.", "category": "gold"}])  # fmt: skip
    turn = {**asked([]), "messages": [question, response]}

    made = make("trl-messages", turn, uses_references=True)

    assert made.row["messages"][-1]["content"] == "It is."


def test_reasoning_stands_before_each_side_on_demand():
    responses = [
        said("assistant", text, source_id=text, reasoning=[{"content": f"Because {text}"}])
        for text in ("Yes.", "No.")
    ]
    turn = asked(responses, chose("Yes."))

    assert sides(make("trl-preference", turn)) == [("Yes.", "No.")]
    assert sides(make("trl-preference", turn, include_reasoning=True)) == [
        ("<think>\nBecause Yes.\n</think>\n\nYes.", "<think>\nBecause No.\n</think>\n\nNo.")
    ]
