"""Sample conversation on which managers preview a form's questions."""

from __future__ import annotations

from plaudit.core.tasks.forms import Form, Level
from plaudit.wire.v2.task import (
    Chunk,
    CriterionDefinition,
    Message,
    MessageContent,
    MessageRole,
    Rubric,
    Thread,
    Turn,
)

RESPONSES_MAX = 4

_PROMPT = "How long do I boil an egg so that the yolk stays soft? Answer in two sentences."
_RESPONSES = (
    "Lower the egg into boiling water and take it out after **six minutes**. "
    "Cool it under cold water at once, or it goes on cooking.",
    "Six to seven minutes.\n\n1. Boil water\n2. Add the egg\n3. Wait",
    "It depends on the size of the egg and on how high above the sea you live, "
    "so any number would be a guess.",
    "```python\nboil(egg, minutes=6)\n```",
)
_STEPS = (
    "The white sets from about 62 °C, the yolk from about 65 °C.",
    "In boiling water the heat needs six minutes to reach the yolk.",
    "So the egg has to come out after six minutes.",
)
_OTHERS = {
    MessageRole.system: "You are a cook. Be brief.",
    MessageRole.function: '{"altitude_m": 120}',
}
_CRITERIA = (("crit_1", "Names a time in minutes", 2), ("crit_2", "Has exactly two sentences", 1))


def conversation(form: Form, count: int) -> list[Thread]:
    """A single thread: a prompt, `count` responses, and what else the form needs."""
    levels = {field.level for field in form.fields}
    roles = {field.applies_to for field in form.fields}
    messages = [_message(role, role.value, text) for role, text in _OTHERS.items() if role in roles]
    messages.append(_message(MessageRole.user, "user", _PROMPT))
    for number, text in enumerate(_RESPONSES[:count], 1):
        response = _message(MessageRole.assistant, f"response_{number}", text)
        if Level.chunk in levels:
            response.content.chunks = [
                Chunk(type="text", text=step, annotations=[]) for step in _STEPS
            ]
        messages.append(response)
    turn = Turn(id="turn_0", messages=messages, annotations=[])
    if Level.criterion in levels:
        turn.rubrics = [
            Rubric(
                criteria_definitions=[
                    CriterionDefinition(id=key, criterion=text, weight=weight, annotations=[])
                    for key, text, weight in _CRITERIA
                ]
            )
        ]
    return [Thread(id="thread_0", turns=[turn], annotations=[])]


def _message(role: MessageRole, source_id: str, text: str) -> Message:
    return Message(
        content=MessageContent(text=text), role=role, source_id=source_id, annotations=[]
    )
