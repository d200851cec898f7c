"""Project templates: render `template_variables` into the opening conversation of a task.

A template is a list of messages whose texts hold `{{name}}` for a variable. Values are inserted
once and not expanded again, so what looks like a placeholder in a value stays as it is.
A paragraph whose variables are all absent is left out, and so is a message that has nothing left.
One variable, `responses` unless the template says otherwise, brings the responses to be judged.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec import Struct

from plaudit.errors import InvalidContent
from plaudit.wire.v2 import size_limits
from plaudit.wire.v2.parse import check_content, convert
from plaudit.wire.v2.task import Message, MessageContent, MessageRole, ModelParameters, Thread, Turn
from plaudit.wire.v2.unknown_members import refuse_misspelt

RESPONSES_MAX = 26
_PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z_][\w.-]{0,63})\s*\}\}", re.ASCII)
_PARAGRAPHS = re.compile(r"\n{2,}")


class TemplateMessage(Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """One message of a template. `source_id` is the role unless given."""

    role: MessageRole
    text: str
    source_id: str | None = None


class Template(Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """What a project makes of `template_variables`.

    `optional` names variables that may be missing or null; all others are required.
    """

    messages: list[TemplateMessage]
    optional: list[str] = []
    responses: str = "responses"

    @property
    def variables(self) -> list[str]:
        """The variables in the texts, in order of appearance."""
        names = [name for message in self.messages for name in _PLACEHOLDER.findall(message.text)]
        return list(dict.fromkeys(names))


class GivenResponse(Struct, omit_defaults=True, kw_only=True):
    """A response in a template variable; `source_id` is `response_1`, … unless given."""

    text: str
    source_id: str | None = None
    model_parameters: ModelParameters | None = None


DEFAULT = Template(
    messages=[
        TemplateMessage(
            role=MessageRole.user,
            text="{{prompt}}\n\n{{context}}\n\n{{examples}}\n\n{{constraints}}",
        )
    ],
    optional=["prompt", "context", "examples", "constraints"],
)
"""For a project that has none: the variables that Scale's documentation names, none required."""


def read_template(value: dict[str, Any] | None) -> Template:
    """The template in a project's details; raises InvalidContent with a pointer below it."""
    if value is None:
        return DEFAULT
    template: Template = convert(value, Template)
    sources = [message.source_id or message.role.value for message in template.messages]
    if len(set(sources)) != len(sources):
        raise InvalidContent(
            "two messages have one source_id; messages of a turn are told apart by it",
            pointer="/messages",
        )
    if template.responses in template.variables:
        raise InvalidContent(
            f"{template.responses!r} brings the responses and cannot stand in a text",
            pointer="/responses",
        )
    unknown = sorted(set(template.optional).difference(template.variables))
    if unknown:
        raise InvalidContent(
            f"{unknown[0]!r} is optional but stands in no text", pointer="/optional"
        )
    return template


def fill_template(template: Template, variables: dict[str, Any]) -> list[Thread] | None:
    """Opening conversation of a task; None if it would have no messages.

    Raises InvalidContent naming missing or unknown variables, or if the texts are too long.
    """
    known = template.variables
    pointer = "/template_variables"
    unknown = sorted(set(variables).difference(known, [template.responses]))
    if unknown:
        takes = ", ".join([*known, template.responses])
        raise InvalidContent(
            f"unknown template variables: {', '.join(unknown)}; the project's template takes "
            f"{takes}",
            pointer=pointer,
        )
    texts = {name: _text(value) for name, value in variables.items() if value is not None}
    missing = [name for name in known if name not in template.optional and name not in texts]
    if missing:
        raise InvalidContent(f"missing template variables: {', '.join(missing)}", pointer=pointer)
    texts_chars = sum(_filled_chars(message.text, texts) for message in template.messages)
    size_limits.check_conversation(texts_chars, pointer)
    messages = [
        _message(part.role, part.source_id or part.role.value, text)
        for part in template.messages
        if (text := _filled(part.text, texts))
    ]
    messages += _responses(template, variables.get(template.responses))
    if not messages:
        return None
    turn = Turn(id="turn_0", messages=messages, annotations=[])
    content = [Thread(id="thread_0", turns=[turn], annotations=[])]
    check_content(content, pointer)
    return content


def _filled_chars(text: str, values: dict[str, str]) -> int:
    """Lower bound of a filled text's length, without building it: variables may be repeated."""
    return sum(len(values.get(name, "")) for name in _PLACEHOLDER.findall(text))


def _filled(text: str, values: dict[str, str]) -> str:
    kept = []
    for paragraph in _PARAGRAPHS.split(text):
        names = _PLACEHOLDER.findall(paragraph)
        if not names or any(name in values for name in names):
            kept.append(_PLACEHOLDER.sub(lambda match: values.get(match[1], ""), paragraph))
    return "\n\n".join(kept)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def _responses(template: Template, value: Any) -> list[Message]:
    pointer = f"/template_variables/{template.responses}"
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > RESPONSES_MAX:
        raise InvalidContent(
            f"expected a list of at most {RESPONSES_MAX} responses", pointer=pointer
        )
    messages = []
    for number, item in enumerate(value):
        try:
            refuse_misspelt(item, GivenResponse)
            response = convert({"text": item} if isinstance(item, str) else item, GivenResponse)
        except InvalidContent as exc:
            raise InvalidContent(exc.message, pointer=f"{pointer}/{number}{exc.pointer}") from exc
        message = _message(
            MessageRole.assistant, response.source_id or f"response_{number + 1}", response.text
        )
        message.model_parameters = response.model_parameters
        messages.append(message)
    return messages


def _message(role: MessageRole, source_id: str, text: str) -> Message:
    return Message(
        content=MessageContent(text=text), role=role, source_id=source_id, annotations=[]
    )
