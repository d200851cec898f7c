"""A mapping from the options of a command line, for tables that need no file of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from plaudit.errors import InvalidContent


def mapping_from_flags(
    *,
    prompt: Sequence[str] = (),
    response: Sequence[str] = (),
    preference: str | None = None,
    values: str | None = None,
    rating: Sequence[str] = (),
    item: Sequence[str] = (),
    contributor: str | None = None,
) -> dict[str, Any] | None:
    """Return the decoded mapping, None where nothing is given; raises InvalidContent.

    A response is `COL` or `COL=MODELCOL`, a rating `KEY=COL` with a column for each response, and
    values are `1=first,2=second,0=tie`.
    """
    if not any((prompt, response, preference, values, rating, item, contributor)):
        return None
    decoded: dict[str, Any] = {}
    if item:
        decoded["item"] = list(item)
    if prompt:
        decoded["prompt"] = list(prompt)
    if contributor is not None:
        decoded["contributor"] = contributor
    if response:
        decoded["responses"] = [_response(given) for given in response]
    for given in rating:
        _add_rating(decoded.get("responses", []), given)
    if preference is not None:
        decoded["preference"] = {"column": preference}
        if values is not None:
            decoded["preference"]["values"] = _values(values)
    elif values is not None:
        raise InvalidContent("--values says what the values of --preference COL mean")
    return decoded


def _response(given: str) -> dict[str, Any]:
    text, sign, model = given.rpartition("=")
    if not sign:
        return {"text": given}
    if not text or not model:
        raise InvalidContent(f"--response is COL or COL=MODELCOL, not {given!r}")
    return {"text": text, "model": model}


def _add_rating(responses: list[dict[str, Any]], given: str) -> None:
    key, sign, column = given.partition("=")
    if not key or not sign or not column:
        raise InvalidContent(f"--rating is KEY=COL, not {given!r}")
    if not responses:
        raise InvalidContent("--rating is about a response: --response COL")
    columns = [column] if len(responses) == 1 else column.split(",")
    if len(columns) != len(responses):
        raise InvalidContent(
            f"there are {len(responses)} responses, so --rating {key}=COL,COL… names as many"
            " columns, in their order"
        )
    for one, response in zip(columns, responses, strict=True):
        response.setdefault("ratings", {})[key] = one


def _values(given: str) -> dict[str, str]:
    values: dict[str, str] = {}
    for part in given.split(","):
        name, sign, verdict = part.rpartition("=")
        if not sign or not verdict:
            raise InvalidContent(
                f"--values is VALUE=VERDICT,…, such as 1=first,2=second,0=tie, not {given!r}"
            )
        values[name] = verdict
    return values
