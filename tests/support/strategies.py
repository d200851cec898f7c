"""Hypothesis strategies: threads with any parts, and texts that look like JSON."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.support.builders import make_message, make_thread, make_turn
from tests.support.sample_tasks import VALUES

# Texts that look like JSON, and like the marks that rendering works with.
TEXTS = st.sampled_from(
    [
        "",
        "é",
        '"',
        "\\",
        "\n",
        '","annotations":[{"id":"',
        '}],"threads":[]}',
        "\u2028",
        "😀",
        "\x7f",
    ]
) | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8)
IDS = st.text("abz_09é", min_size=1, max_size=6)
NUMBERS = st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9, allow_nan=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["annotations", "votes", "id", "k"]), inner, max_size=2)
    ),
    max_leaves=4,
)


def some(**parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """An object with any of these members."""
    return st.fixed_dictionaries({}, optional=parts)


@st.composite
def annotation(draw: st.DrawFn) -> Any:
    kind = draw(st.sampled_from(sorted(VALUES)))
    value, possible = VALUES[kind]
    members = {
        "id": IDS.map(lambda text: f"own_{text}"),
        "title": TEXTS,
        "description": TEXTS,
        "labels": st.lists(TEXTS, max_size=2),
        "not_applicable": st.booleans(),
        "cannot_assess": st.booleans(),
        "metadata": some(criteria=TEXTS, annotations=JSON, title=JSON),
        "justification": TEXTS,
        "votes": st.lists(st.just({"contributor_id": "ann", "value": value}), max_size=2),
    }
    if possible is not None:
        members["possible_values"] = st.just(possible)
    chosen = draw(st.sets(st.sampled_from(sorted(members)), max_size=4))
    fields = {name: draw(members[name]) for name in sorted(chosen)}
    if kind == "text":
        value = draw(TEXTS)
    return {"key": draw(TEXTS), "type": kind, "value": value} | fields


ANNOTATIONS = st.lists(annotation(), max_size=2)
FILES = st.lists(some(name=TEXTS, url=TEXTS, content=TEXTS, duration=NUMBERS), max_size=2)
CHUNKS = st.lists(
    st.fixed_dictionaries({"type": st.just("text"), "text": TEXTS, "annotations": ANNOTATIONS}),
    max_size=2,
)
CONTENT = some(
    text=TEXTS,
    reference_texts=st.lists(some(content=TEXTS), max_size=1),
    attachments=FILES,
    chunks=CHUNKS,
    reasoning=st.lists(some(content=TEXTS), max_size=1),
)
SCORES = st.lists(
    some(criterion_definition_id=TEXTS, score=NUMBERS, annotations=ANNOTATIONS), max_size=2
)
EVALUATIONS = st.lists(
    some(criteria_evaluations=SCORES, annotations=ANNOTATIONS, total_score=NUMBERS), max_size=2
)
MODEL = some(model=TEXTS, temperature=NUMBERS, top_k=st.integers(0, 9))
MESSAGE_PARTS = some(model_parameters=MODEL, rubric_evaluations=EVALUATIONS)
CRITERIA = st.lists(
    st.fixed_dictionaries(
        {"id": TEXTS, "criterion": TEXTS, "annotations": ANNOTATIONS}, optional={"weight": NUMBERS}
    ),
    max_size=2,
)
RUBRICS = st.lists(st.fixed_dictionaries({"criteria_definitions": CRITERIA}), max_size=2)
PEOPLE = st.lists(some(contributor_id=TEXTS), max_size=2)


@st.composite
def turn(draw: st.DrawFn) -> Any:
    messages = [
        make_message(f"{number}{draw(TEXTS)}", content=content, annotations=annotations, **parts)
        for number, (content, annotations, parts) in enumerate(
            draw(st.lists(st.tuples(CONTENT, ANNOTATIONS, MESSAGE_PARTS), max_size=3))
        )
    ]
    return make_turn(
        draw(TEXTS), messages, annotations=draw(ANNOTATIONS), **draw(some(rubrics=RUBRICS))
    )


THREADS = st.lists(
    st.builds(
        lambda thread_id, turns, annotations, people: make_thread(
            thread_id, turns, annotations=annotations, **people
        ),
        TEXTS,
        st.lists(turn(), max_size=2),
        ANNOTATIONS,
        some(submissions=PEOPLE),
    ),
    min_size=1,
    max_size=2,
)
