"""Battles of two models, as Chatbot Arena publishes them: two conversations and a winner.

Conversations are lists of messages (also written in a cell), or a prompt and two responses, each a
text or a list of texts. The set's own order of sides stays. Where both sides were asked the same,
each turn has both answers; the verdict is the last turn's, and each answer continues its own side.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from plaudit import clock, ids
from plaudit.core.tasks.forms import Form
from plaudit.errors import InvalidContent
from plaudit.formats.common.cells import decode_list
from plaudit.formats.common.conversations import (
    MESSAGE_MEMBERS,
    DialogueResponse,
    Utterance,
    as_dialogue,
    as_one,
    read_side,
    shared_beginning,
)
from plaudit.formats.common.imported_task import ALL_BAD, TIE, ImportedTask, thread
from plaudit.formats.common.judged_conversations import APART, EQUAL_RESPONSES
from plaudit.formats.common.judgments import (
    PREFERENCE_FIELD,
    SELECTED_FIELD,
    Judgment,
    submissions,
    verdict,
)
from plaudit.formats.common.plain_columns import is_telling
from plaudit.formats.common.row_members import EMPTY_RESPONSE, RowMembers, as_integer, shown
from plaudit.formats.common.rows import Row
from plaudit.formats.import_format import FormatReader, ImportFormat

OWN_CONTEXT = "own_context"
"""Flag of a task whose responses continue different conversations, each its own side's."""

UNKNOWN_WINNER = (
    "a winner is none of model_a, model_b, tie, tie (bothbad), both_bad; the row has no verdict"
)
JUDGED_TWICE = "a judge has judged a battle twice; the later verdict counts"
OTHER_ROWS = "other_rows"
"""Member of a task's metadata: what rows of other judges have besides, where it differs."""
TWO_WINNERS = "the winner's columns are not one 1 and otherwise 0; the row has no verdict"

FIRST, SECOND = "model_a", "model_b"
WINNERS = {
    FIRST: FIRST,
    SECOND: SECOND,
    "tie": TIE,
    "tie (bothbad)": ALL_BAD,
    "both_bad": ALL_BAD,
    "bothbad": ALL_BAD,
}
"""Verdicts by the words for them, in lower case."""
ONE_HOT = {
    "winner_model_a": FIRST,
    "winner_model_b": SECOND,
    "winner_tie": TIE,
    "winner_both_bad": ALL_BAD,
    "winner_bothbad": ALL_BAD,
}

_MODELS = (FIRST, SECOND)
_CONVERSATIONS = ("conversation_a", "conversation_b")
_TEXTS = ("prompt", "response_a", "response_b")
_IDS = ("question_id", "id")
_TIMES = ("tstamp", "timestamp")
_TIMES_OF: dict[bool, tuple[str, ...]] = {True: _TIMES, False: ()}
"""Columns of times that a task says, by whether they could be read."""
_encode = msgspec.json.Encoder(order="sorted").encode

_SECONDS = re.compile(r"\d{9,11}(\.\d{1,9})?", re.ASCII)

Round = tuple[list[Utterance], list[Utterance]]
"""Utterances that ask in a round of a conversation, and those that answer."""


class ArenaReader(FormatReader):
    """Reader of battles; rows that differ in the judge become one task with several votes."""

    groups_rows = True

    def form(self) -> Form | None:
        """Questions for the better of two responses."""
        return Form(fields=[SELECTED_FIELD, PREFERENCE_FIELD])

    def item_key(self, row: Row) -> str | None:
        """Key of a battle that has a judge: its id, turn and sides, whichever stands first."""
        value = row.value
        if not isinstance(value, dict) or _judge(value.get("judge")) is None:
            return None
        sides = [_side(value, place).decode() for place in (0, 1)]
        about = [value.get(name) for name in (*_IDS, "turn", "prompt")]
        return _encode([about, sorted(sides)]).decode()

    def read(self, rows: Sequence[Row]) -> Iterator[ImportedTask]:
        """Yield the task of a battle; one without a winner is open work."""
        battles = [RowMembers(row, self.options, self.notes) for row in rows]
        members = battles[0]
        columns = _CONVERSATIONS if _CONVERSATIONS[0] in members.value else _TEXTS
        sides = _sides(members, columns)
        sources = _sources(members)
        verdicts: dict[str | None, Judgment] = {}
        rests: list[dict[str, Any]] = []
        is_judged = False
        for battle in battles:
            won, moment = _winner(battle), _time(battle.value)
            judge = _judge(battle.value.get("judge"))
            is_judged = is_judged or won is not None
            used = {*columns, *_MODELS, *_IDS, *_TIMES_OF[moment is not None]}
            if won:
                is_swapped = _side(battle.value, 0) != _side(members.value, 0)
                named = dict(
                    zip(_MODELS, reversed(sources) if is_swapped else sources, strict=True)
                )
                if judge in verdicts:
                    battle.remark(JUDGED_TWICE)
                verdicts[judge] = Judgment(
                    value=named.get(won, won), contributor_id=judge, submitted_at=moment
                )
                used |= {"winner", *ONE_HOT, *(() if judge is None else ("judge",))}
            rest = battle.rest(used)
            rests += [rest] if rest not in rests else []
        judgments = list(verdicts.values())
        turns, besides = _turns(members, sides, sources, verdict(judgments))
        moments = [one.submitted_at for one in judgments if one.submitted_at is not None]
        yield ImportedTask(
            item_id=_identity(members.value),
            threads=[thread(turns, submissions=submissions(judgments))],
            metadata={**rests[0], **besides, **({OTHER_ROWS: rests[1:]} if rests[1:] else {})},
            flags=members.flags,
            completed_at=max(moments, default=_time(members.value)),
            is_judged=is_judged,
        )


def _side(value: dict[str, Any], place: int) -> bytes:
    """All of one side of a battle, to tell whether another row has it first."""
    names = (_MODELS[place], _CONVERSATIONS[place], _TEXTS[1 + place])
    return _encode([value.get(name) for name in names])


def _identity(value: dict[str, Any]) -> str | None:
    identity = next((value[name] for name in _IDS if value.get(name) not in (None, "")), None)
    has_id = isinstance(identity, int | str) and not isinstance(identity, bool)
    return str(identity) if has_id else None


def _time(value: dict[str, Any]) -> str | None:
    return next(filter(None, (_moment(value.get(name)) for name in _TIMES)), None)


def _sides(members: RowMembers, columns: Sequence[str]) -> tuple[list[Utterance], list[Utterance]]:
    """The conversation of each side; raises InvalidContent."""
    if columns is _CONVERSATIONS:
        first, second = (
            read_side(members, decode_list(members.value.get(name)), f"/{name}") for name in columns
        )
        return first, second
    prompt, *responses = _rounds(members)
    sides = []
    for name, answers in zip(_TEXTS[1:], responses, strict=True):
        said = []
        for question, answer in zip(prompt, answers, strict=True):
            text = members.as_text("" if answer is None else answer, f"/{name}")
            if not text.strip():
                members.remark(EMPTY_RESPONSE)
            said += [Utterance(role="user", text=members.as_text(question, "/prompt"))]
            said += [Utterance(role="assistant", text=text)]
        sides.append(said)
    return sides[0], sides[1]


def _rounds(members: RowMembers) -> list[list[Any]]:
    """Prompts and both sides' responses, of one round or several.

    They are several where all three are lists of as many texts, also where cells hold such lists.
    """
    values = [decode_list(members.value.get(name, ...)) for name in _TEXTS]
    lengths = {len(value) if isinstance(value, list) else 0 for value in values}
    if len(lengths) == 1 and 0 not in lengths:
        return values
    for name in _TEXTS:
        members.text(name)
    return [[members.value[name]] for name in _TEXTS]


def _sources(members: RowMembers) -> list[str]:
    """`source_id`s of the sides: the models' names, or the columns' where those will not do."""
    models = [members.value.get(name) for name in _MODELS]
    is_named = all(
        isinstance(model, str) and ids.is_usable(model) and not is_telling(model)
        for model in models
    )
    return members.unique_names([str(model) for model in models]) if is_named else list(_MODELS)


def _winner(members: RowMembers) -> str | None:
    """The side that won, TIE or ALL_BAD; None without a verdict, "" for one that is not known."""
    value = members.value
    word = value.get("winner")
    if word not in (None, ""):
        won = WINNERS.get(word.casefold()) if isinstance(word, str) else None
        if won is None:
            if members.is_strict:
                raise InvalidContent(f"{shown(word)} is no winner", pointer="/winner")
            members.remark(UNKNOWN_WINNER)
        return won or ""
    given = {name: value[name] for name in ONE_HOT if value.get(name) not in (None, "")}
    if not given:
        return None
    numbers = [int(one) if isinstance(one, bool) else as_integer(one) for one in given.values()]
    if sorted(numbers, key=str) != [0] * (len(numbers) - 1) + [1]:
        if members.is_strict:
            raise InvalidContent("expected one 1 and otherwise 0", pointer="/winner_model_a")
        members.remark(TWO_WINNERS)
        return ""
    return ONE_HOT[list(given)[numbers.index(1)]]


def _judge(value: Any) -> str | None:
    if isinstance(value, list):
        value = "/".join(str(part) for part in value)
    is_named = isinstance(value, int | str) and not isinstance(value, bool)
    return str(value) or None if is_named else None


def _moment(value: Any) -> str | None:
    """A time as ISO 8601; numbers, also in cells, are seconds since the epoch."""
    if isinstance(value, str) and _SECONDS.fullmatch(value):
        value = float(value)
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return clock.format_ms(int(value * 1000))
        return clock.format_ms(clock.parse_moment(value)) if isinstance(value, str) else None
    except (ValueError, OverflowError):
        return None


def _turns(
    members: RowMembers,
    sides: tuple[list[Utterance], list[Utterance]],
    sources: Sequence[str],
    annotations: list[dict[str, Any]],
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Turns of a battle, and what its messages had besides."""
    if [one.says() for one in sides[0]] == [one.says() for one in sides[1]]:
        members.remark(EQUAL_RESPONSES)
    rounds = [list(_split(side)) for side in sides]
    asked = [[[one.says() for one in part] for part, _ in side] for side in rounds]
    has_one_answer = all(len(answers) == 1 for side in rounds for _, answers in side)
    if asked[0] != asked[1] or not has_one_answer:
        return _unlike_turns(members, sides, sources, annotations)
    turns: list[dict[str, Any]] = []
    besides: dict[str, Any] = {}
    for number, ((prompts, first), (_, second)) in enumerate(zip(*rounds, strict=True)):
        is_last = number == len(rounds[0]) - 1
        responses = [
            DialogueResponse(source_id=source, utterance=answer[0], model=_model(members, place))
            for place, (source, answer) in enumerate(zip(sources, (first, second), strict=True))
        ]
        made = as_dialogue(members, prompts, responses, annotations if is_last else ())
        turns.append({**made.turns[0], "id": f"turn_{number}"})
        for name, more in made.metadata.get(MESSAGE_MEMBERS, {}).items():
            besides[f"turn_{number}/{name.partition('/')[2]}"] = more
    if len(turns) > 1 and OWN_CONTEXT not in members.flags:
        members.flags.append(OWN_CONTEXT)
    return turns, {MESSAGE_MEMBERS: besides} if besides else {}


def _unlike_turns(
    members: RowMembers,
    sides: tuple[list[Utterance], list[Utterance]],
    sources: Sequence[str],
    annotations: list[dict[str, Any]],
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Turns of sides that were asked different things: what differs is a response in pieces."""
    members.remark(APART)
    shared = shared_beginning(*sides)
    responses = [
        DialogueResponse(
            source_id=source,
            utterance=as_one(members, side[shared:]),
            model=_model(members, place),
        )
        for place, (source, side) in enumerate(zip(sources, sides, strict=True))
    ]
    made = as_dialogue(members, sides[0][:shared], responses, annotations)
    return made.turns, made.metadata


def _model(members: RowMembers, place: int) -> str | None:
    return members.optional_text(_MODELS[place])


def _split(side: Sequence[Utterance]) -> Iterator[Round]:
    """Rounds of a conversation: messages, and the assistant's that follow them."""
    asked: list[Utterance] = []
    answered: list[Utterance] = []
    for one in side:
        if one.role != "assistant" and answered:
            yield asked, answered
            asked, answered = [], []
        (answered if one.role == "assistant" else asked).append(one)
    yield asked, answered


def detect(rows: Sequence[Row]) -> Sequence[str] | None:
    """Columns of battles: two models, two conversations or responses, and a winner."""
    shapes = [(*_CONVERSATIONS, *_MODELS), (*_TEXTS, *_MODELS)]
    values = [row.value for row in rows]
    if not values or not all(isinstance(value, dict) for value in values):
        return None
    for columns in shapes:
        if not all(name in value for name in columns for value in values):
            continue
        if all({"winner_model_a", "winner_model_b"} <= value.keys() for value in values):
            return (*columns, "winner_model_a", "winner_model_b")
        words = [value.get("winner") for value in values]
        known = [word for word in words if isinstance(word, str) and word.casefold() in WINNERS]
        if known and all("winner" in value for value in values):
            return (*columns, "winner")
    return None


FORMAT = ImportFormat(
    name="arena",
    title="battles of two models",
    reader=ArenaReader,
    detect=detect,
    specificity=70,
)
