"""Catalogues in the PO format of GNU gettext, read for their translations alone."""

from __future__ import annotations

import re

_ENTRY = re.compile(
    r'^(?:msgctxt "(?P<context>.*)"\n)?msgid "(?P<singular>.*)"\n'
    r'(?:msgid_plural ".*"\n)?(?P<forms>(?:msgstr(?:\[\d\])? ".*"(?:\n|\Z))+)',
    re.MULTILINE,
)
_FORM = re.compile(r'^msgstr(?:\[\d\])? "(.*)"$', re.MULTILINE)
_ESCAPES = {"n": "\n", "t": "\t", '"': '"', "\\": "\\"}


def read(text: str) -> dict[tuple[str, str], list[str]]:
    """Translations by context and singular, each a list of plural forms or of one text.

    The header stands under an empty singular. Comments and obsolete entries are passed over.
    """
    joined = text.replace('"\n"', "")  # strings that go on in the next line
    return {
        (unescape(entry["context"] or ""), unescape(entry["singular"])): [
            unescape(form) for form in _FORM.findall(entry["forms"])
        ]
        for entry in _ENTRY.finditer(joined)
    }


def unescape(text: str) -> str:
    """Text that stands between quotes."""
    if "\\" not in text:
        return text
    return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[1]), text)
