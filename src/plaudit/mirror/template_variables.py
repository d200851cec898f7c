"""Template variables that stand for a prepared conversation on any server of the v2 API.

They are those that Scale's documentation names, and `responses`, as Plaudit's own templates have
it. What they cannot say is refused and never left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from plaudit.errors import InvalidContent
from plaudit.wire.v2.task import Message, MessageRole, Thread, Turn

_BESIDE_TEXT = ("reference_texts", "attachments", "chunks", "reasoning")


def variables_of(content: Sequence[Thread]) -> dict[str, Any]:
    """`prompt`, and where there are any `context` and `responses`; raises InvalidContent.

    The prompt is what the user says last, the responses are those to it, and the context is all
    that comes before, a paragraph for each message.
    """
    if len(content) != 1 or not content[0].turns:
        raise InvalidContent(
            "template variables hold one thread with at least one turn", pointer="/content"
        )
    *earlier, last = content[0].turns
    for number, turn in enumerate(content[0].turns):
        _check(turn, f"/content/0/turns/{number}", is_last=turn is last)
    before = [message for turn in earlier for message in turn.messages]
    before += [
        message
        for message in last.messages
        if message.role not in (MessageRole.user, MessageRole.assistant)
    ]
    prompts = [message for message in last.messages if message.role is MessageRole.user]
    responses = [message for message in last.messages if message.role is MessageRole.assistant]
    variables: dict[str, Any] = {"prompt": "\n\n".join(map(_text, prompts))}
    if before:
        variables["context"] = "\n\n".join(f"{one.role}: {_text(one)}" for one in before)
    if responses:
        variables["responses"] = [_response(message) for message in responses]
    return variables


def _check(turn: Turn, pointer: str, *, is_last: bool) -> None:
    answers = [message for message in turn.messages if message.role is MessageRole.assistant]
    if not is_last and len(answers) > 1:
        raise InvalidContent(
            "template variables hold several responses in the last turn alone", pointer=pointer
        )
    for number, message in enumerate(turn.messages):
        for name in _BESIDE_TEXT:
            if getattr(message.content, name):
                raise InvalidContent(
                    "template variables hold texts alone",
                    pointer=f"{pointer}/messages/{number}/content/{name}",
                )


def _response(message: Message) -> dict[str, Any]:
    response: dict[str, Any] = {"text": _text(message), "source_id": message.source_id}
    if message.model_parameters is not None:
        response["model_parameters"] = msgspec.to_builtins(message.model_parameters)
    return response


def _text(message: Message) -> str:
    return message.content.text or ""
