"""All that an import says about a row is listed in docs/import/reasons.md: reasons and remarks.

What is filled in is shown as `…`.
"""

from __future__ import annotations

import re

import pytest

from tests.support.texts.code_messages import CodeMessages
from tests.test_docs import text_of

READ = (
    "formats/**/*.py", "json_guard.py", "wire/v2/parse.py", "wire/v2/size_limits.py",
    "core/transfer/importer.py", "core/transfer/merge.py", "core/transfer/prepared_tasks.py",
    "core/transfer/references.py",
)  # fmt: skip
"""Modules that refuse rows of an import, or the tasks that are made of them."""


@pytest.fixture(scope="module")
def messages() -> CodeMessages:
    return CodeMessages(READ, without="exporting")


def listed_form(pattern: str) -> str:
    """Message as the document lists it."""
    return re.sub(r"(?:%\(\w+\)s|…)+", "…", pattern).replace("%%", "%")


@pytest.mark.parametrize("kind", ["reasons", "remarks"])
def test_all_that_an_import_says_is_listed(messages, kind):
    """A message of the code that is missing, or one that the code has no more, is shown."""
    text = text_of("docs/import/reasons.md")
    section = re.search(rf"^## {kind.title()}\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    assert section is not None
    listed = re.findall(r"^\| `([^`]+)` \|", section[1], re.M)

    patterns = getattr(messages, kind)
    said: dict[str, set[str]] = {}
    for pattern, modules in patterns.items():
        said.setdefault(listed_form(pattern), set()).update(modules)

    assert [f"{text} ({', '.join(sorted(said[text]))})" for text in said.keys() - set(listed)] == []
    assert sorted(set(listed) - said.keys()) == []
    assert len(listed) == len(set(listed))


def test_the_messages_of_the_code_are_all_found(messages):
    """What a call says is a text, a constant, or handed on from another call."""
    assert messages.unknown == set()
    assert len(messages.reasons) > 150
    assert len(messages.remarks) > 40
