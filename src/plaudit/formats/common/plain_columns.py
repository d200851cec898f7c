"""Columns with plain names: which of them are responses, prompts and chats, and whose they are.

For sets that do not say it themselves. A column is what its whole name says (`answer_a`,
`response_2`, `prompt`); nothing is guessed from the texts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from plaudit.formats.common.conversations import (
    Dialogue,
    DialogueResponse,
    Utterance,
    as_dialogue,
    is_conversation,
    is_json_conversation,
)
from plaudit.formats.common.row_members import RowMembers, pointer_of
from plaudit.wire.v2.task import MessageRole

_RESPONSE = re.compile(
    r"(?:model_?|llm_?)?(?:answer|response|completion|output|generation|reply|summary)"
    r"(?:[_-]?(?P<side>[a-z]|\d{1,2}))?",
    re.IGNORECASE,
)
_SIDE = re.compile(r".*[_-](?P<letter>[A-Za-z])|.*?(?P<digits>\d{1,2})")
PROMPTS = (
    "system", "system_prompt", "context", "document", "passage", "instruction", "instructions",
    "prompt", "scenario_prompt", "question", "query", "input", "text", "user_prompt",
)  # fmt: skip
SYSTEM = ("system", "system_prompt")


def is_response(column: str) -> bool:
    """True for the name of a response, such as `answer_a`, `response_2` or `output`."""
    return _RESPONSE.fullmatch(column) is not None


def is_chat(value: Any) -> bool:
    """True for a list of messages, also where it is written as JSON."""
    return is_conversation(value) or is_json_conversation(value)


class ColumnConversation(Struct):
    """A conversation made of columns; its messages are the context and then the responses.

    `at` leads from names of columns to indexes of messages.
    """

    context: list[Utterance]
    responses: list[DialogueResponse]
    at: dict[str, int]

    @property
    def sources(self) -> list[str]:
        """`source_id`s of the responses in their order."""
        return [response.source_id for response in self.responses]

    def role(self, index: int) -> MessageRole:
        """Role of a message."""
        return MessageRole(self._utterance(index).role)

    def text(self, index: int) -> str:
        """Text of a message, empty if it has none."""
        return self._utterance(index).text or ""

    def add(self, column: str, said: Utterance) -> None:
        """Add a message to the context."""
        self.at[column] = len(self.context)
        self.context.append(said)

    def add_responses(
        self, members: RowMembers, texts: Mapping[str, Any], about: Mapping[str, Any], pointer: str
    ) -> None:
        """Add the responses, by column, each named after its model or its column.

        `about` has the columns with models. Raises InvalidContent for texts that are none.
        """
        models = [model_of(about, column) for column in texts]
        is_named = all(models) and not any(is_telling(model or "") for model in models)
        plain = models if is_named else [plain_source(n, name) for n, name in enumerate(texts)]
        sources = members.unique_names([f"{name}" for name in plain])
        for column, source, model in zip(texts, sources, models, strict=True):
            text = members.as_response(texts[column], pointer + pointer_of(column))
            said = Utterance(role="assistant", text=text)
            self.at[column] = len(self.context) + len(self.responses)
            self.responses.append(DialogueResponse(source_id=source, utterance=said, model=model))

    def dialogue(
        self,
        members: RowMembers,
        written: Sequence[Utterance],
        of_messages: Mapping[int, list[dict[str, Any]]],
        of_turn: Sequence[dict[str, Any]],
    ) -> Dialogue:
        """Return the turns, with annotations by index of message and those of the last turn.

        `written` is said after the context.
        """
        made = as_dialogue(members, [*self.context, *written], self.responses, of_turn)
        if not self.responses and made.turns:
            made.turns[-1]["annotations"] = list(of_turn)
        messages = [message for turn in made.turns for message in turn["messages"]]
        for index, judged in of_messages.items():
            place = index + (len(written) if index >= len(self.context) else 0)
            messages[place]["annotations"] = judged
        return made

    def _utterance(self, index: int) -> Utterance:
        before = len(self.context)
        return self.context[index] if index < before else self.responses[index - before].utterance


def is_telling(name: str) -> bool:
    """True for a name that says which response is the better one."""
    return "chosen" in name.casefold() or "rejected" in name.casefold()


def plain_source(number: int, column: str) -> str:
    """Name of a response without a model; one that tells the verdict is replaced."""
    return f"response_{number + 1}" if is_telling(column) else column


def model_of(data: Mapping[str, Any], column: str) -> str | None:
    """The model that wrote a response: `model_a` beside `answer_a`, or `answer_a_model`."""
    side = _SIDE.fullmatch(column)
    names = [f"{column}_model", f"model_{column}"]
    if side is not None:
        which = side["letter"] or side["digits"]
        names += [f"model_{which}", f"model{which}"]
    return next((data[name] for name in names if isinstance(data.get(name), str)), None) or None
