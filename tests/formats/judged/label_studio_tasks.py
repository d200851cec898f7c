"""Label Studio exports: a labelling configuration, and tasks with annotations for it."""

from __future__ import annotations

from typing import Any

CONFIG = """<View>
  <Header value="Compare"/>
  <Text name="q" value="$question"/><Text name="one" value="$answer_a"/>
  <Text name="two" value="$answer_b"/>
  <Pairwise name="better" toName="one,two"/>
  <Rating name="overall_one" toName="one" maxRating="7"/>
  <Rating name="overall_two" toName="two" maxRating="7"/>
  <Choices name="else" toName="q"><Choice value="tie"/><Choice value="both_bad"/></Choices>
  <Choices name="faults" toName="two" choice="multiple"><Choice value="long"/><Choice
    value="wrong"/></Choices>
  <TextArea name="rewrite" toName="two"/>
  <Labels name="spans" toName="two"><Label value="error"/></Labels>
</View>"""


def region(name: str, kind: str, value: Any, to_name: str = "q") -> dict[str, Any]:
    """A region of a result."""
    return {"from_name": name, "to_name": to_name, "type": kind, "value": value}


def left(selected: str = "left") -> dict[str, Any]:
    """A comparison."""
    return region("better", "pairwise", {"selected": selected}, "one")


def by(person: Any, *results: Any, at: str = "2026-01-01T10:00:00Z", **more: Any) -> dict[str, Any]:
    """An annotation of a person."""
    return {"completed_by": person, "result": list(results), "updated_at": at, **more}


def task(*annotations: Any, **data: Any) -> dict[str, Any]:
    """A task with two responses."""
    given = {
        "question": "How deep is the lake?",
        "answer_a": "Nine metres.",
        "answer_b": "Very deep.",
        "model_a": "otter",
        "model_b": "heron",
    }
    return {"id": 5, "data": given | data, "annotations": list(annotations), "project": 1}
