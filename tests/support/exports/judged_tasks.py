"""Judged conversations of two turns and two responses, with the votes of several people."""

from __future__ import annotations

from typing import Any

from tests.support.builders import make_annotation, make_message, make_task, make_thread, make_turn

PEOPLE = ("anna", "ben", "cleo")


def judged_task(number: int, *votes: str, models: bool = True, **fields: Any) -> dict[str, Any]:
    """A judged conversation of two turns; the values are those of the last turn."""
    sources = ("alpha", "beta")
    value = max(dict.fromkeys(votes), key=votes.count)
    if votes.count(value) * 2 <= len(votes):
        value = None
    cast = [
        {"contributor_id": person, "value": vote, "submitted_at": f"2025-01-01T00:00:0{n}.000Z"}
        for n, (person, vote) in enumerate(zip(PEOPLE, votes, strict=False))
    ]
    key = "preference" if value in ("tie", "all_bad") else "selected_model_id"
    judgments: list[Any] = [make_annotation(key, value, type="category", votes=cast)]
    if value in sources:
        steps = number % 3 + 1
        likert = 4 - steps if value == sources[0] else 4 + steps
        scale = {"type": "integer", "possible_values": [1, 2, 3, 4, 5, 6, 7]}
        judgments.append(make_annotation("likert_value", likert, **scale))
    answers = [
        make_message(
            source,
            f"{source} says {number}.\u2028 ",
            annotations=[
                make_annotation("overall", place + 2, type="integer"),
                make_annotation("acceptable", place == 0, type="boolean"),
            ],
            **({"model_parameters": {"model": f"{source}-7b"}} if models else {}),
        )
        for place, source in enumerate(sources)
    ]
    before = make_turn(
        "turn_0",
        [make_message("user", f"Hello {number}"), make_message("assistant", "Hi! What is it?")],
    )
    asked = make_turn(
        "turn_1", [make_message("user", " A question?"), *answers], annotations=judgments
    )
    submitted = [{"contributor_id": person} for person in PEOPLE[: len(votes)]]
    threads = [make_thread(turns=[before, asked], submissions=submitted)]
    return make_task(f"task_{number}", threads=threads, **fields)


def steps_task(number: int, **fields: Any) -> dict[str, Any]:
    """A completed task whose one response is in labelled steps, with a reference text."""
    chunks = [
        {
            "type": "text",
            "text": f"Step {place}.",
            "annotations": [make_annotation("step_label", label, type="category")],
        }
        for place, label in enumerate(("correct", "incorrect"))
    ]
    reference = {"content": f"It is {number}.", "category": "gold"}
    asked = {"text": f"Question {number}", "reference_texts": [reference]}
    messages = [
        make_message("user", content=asked),
        make_message("alpha", content={"chunks": chunks}),
    ]
    threads = [make_thread(turns=[make_turn(messages=messages)])]
    return make_task(f"steps_{number}", threads=threads, **fields)


def judged_tasks() -> list[dict[str, Any]]:
    """Tasks of each verdict, decided and not."""
    votes = [
        *(("alpha", "alpha", "beta"), ("beta",), ("beta", "beta"), ("tie", "tie"), ("all_bad",)),
        *(("alpha", "beta"), ("alpha", "tie", "alpha"), ("beta", "alpha", "beta")),
    ]
    return [judged_task(number, *given) for number, given in enumerate(votes)]
