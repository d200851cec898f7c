"""Objects in a server's answers, checked as far as a mirror needs them and kept as they came."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from plaudit import ids
from plaudit.client.client_error import ClientError

_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_listed = msgspec.json.Decoder(list[msgspec.Raw]).decode
_any = msgspec.json.Decoder().decode


class AnswerItem(Struct, frozen=True):
    """JSON object of an answer: its bytes on one line, its members, and where it stands."""

    json: bytes
    value: dict[str, Any]
    where: str

    def text(self, name: str) -> str:
        """Member that is a text and not empty; raises ClientError."""
        text = self.value.get(name)
        if not isinstance(text, str) or not text:
            raise ClientError(f"{self.where}/{name}: expected a text")
        return text

    def id(self, name: str) -> str:
        """Member that is an id; raises ClientError."""
        text = self.text(name)
        if not ids.is_usable(text):
            raise ClientError(
                f"{self.where}/{name}: an id has 1 to 255 characters, no control characters"
            )
        return text

    def reference(self, name: str) -> str | None:
        """Id in a member that is one, or an object with one; None if absent. Raises ClientError."""
        member = self.value.get(name)
        reference = member.get("id") if isinstance(member, dict) else member
        if reference is None or (isinstance(reference, str) and ids.is_usable(reference)):
            return reference
        raise ClientError(f"{self.where}/{name}: expected an id, or an object with one")


def read_items(content: bytes, member: str | None, request: str) -> list[AnswerItem]:
    """Objects of the list `member` of an answer, or for None the answer as the only one.

    `request` is named in messages. Raises ClientError for anything else.
    """
    try:
        if member is None:
            return [_item(content, f"{request}: ")]
        members = _members(content)
        if member not in members:
            raise ClientError(f"{request}: the answer has no list {member!r}")
        return [
            _item(raw, f"{request}: /{member}/{number}")
            for number, raw in enumerate(_listed(members[member]))
        ]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise ClientError(f"{request}: the answer is not what v2 describes: {exc}") from None


def _item(raw: bytes | msgspec.Raw, where: str) -> AnswerItem:
    value = _any(raw)
    if not isinstance(value, dict):
        raise ClientError(f"{where}: expected an object")
    json = bytes(raw)
    if b"\n" in json or b"\r" in json:
        json = msgspec.json.format(json, indent=-1)
    return AnswerItem(json, value, where)
