"""Words of the API and the store that pages show, such as statuses, roles and types."""

from __future__ import annotations

from collections.abc import Mapping

from plaudit.texts import N_, PageText
from plaudit.workspace.language.speech import say, say_in

_WORDS = frozenset(
    (
        # Tasks, batches, work and leases
        *(N_("pending"), N_("completed"), N_("canceled"), N_("error"), N_("deleted")),
        *(N_("staging"), N_("in progress"), N_("paused"), N_("cancelled"), N_("open")),
        *(N_("in review"), N_("quarantined"), N_("nothing to ask"), N_("returned")),
        *(N_("submitted"), N_("skipped"), N_("expired"), N_("released"), N_("closed")),
        *(N_("finalize"), N_("pause"), N_("resume"), N_("cancel")),
        # People and keys
        *(N_("admin"), N_("manager"), N_("reviewer"), N_("annotator"), N_("invited")),
        *(N_("active"), N_("removed"), N_("live"), N_("test"), N_("training"), N_("passed")),
        *(N_("failed"), N_("none"), N_("sample"), N_("all")),
        # Notes of a task
        *(N_("skip"), N_("flag"), N_("report")),
        # Questions
        *(N_("message"), N_("turn"), N_("thread"), N_("chunk"), N_("criterion")),
        *(N_("boolean"), N_("integer"), N_("text"), N_("category"), N_("category multiple")),
        *(N_("file"), N_("labeled text"), N_("ranked choices"), N_("ranked groups")),
        *(N_("rubric criteria"), N_("rubric rating"), N_("workspace container")),
        # Messages
        *(N_("user"), N_("assistant"), N_("system"), N_("function")),
        # Levels of measurement, styles of responses, and flags of people
        *(N_("nominal"), N_("ordinal"), N_("interval"), N_("ratio"), N_("characters")),
        *(N_("length"), N_("headers"), N_("lists"), N_("bold"), N_("code")),
        *(N_("straight-liner"), N_("speeder"), N_("one-sided"), N_("copier"), N_("drift")),
        # Jobs
        *(N_("checking"), N_("freezing"), N_("keeping"), N_("reading"), N_("storing")),
        *(N_("waiting"), N_("writing"), N_("uploading"), N_("computing")),
        # Reasons why an export leaves something out
        *(N_("not completed"), N_("nothing to write"), N_("no preference"), N_("tie")),
        *(N_("all bad"), N_("judges disagree"), N_("single response"), N_("not last turn")),
        *(N_("no prompt"), N_("ambiguous context"), N_("empty response"), N_("identical")),
        *(N_("non text"), N_("coerced text"), N_("unknown response"), N_("partial ranking")),
        *(N_("no order"), N_("no label"), N_("no target"), N_("in longer conversation")),
        *(N_("no rewrite"), N_("cannot be written")),
        # Webhook messages
        *(N_("delivered"), N_("ok"), N_("bad url"), N_("refused address"), N_("dns failed")),
        *(N_("connect failed"), N_("connect timeout"), N_("tls failed"), N_("timeout")),
        *(N_("reset"), N_("protocol error"), N_("status"), N_("mail off")),
        *(N_("endpoint disabled"), N_("endpoint deleted")),
    )
)


def word(value: str) -> str:
    """Word for a value of the API in the page's language; without its underscores if unknown."""
    text = value.replace("_", " ")
    return say(text) if text in _WORDS else text


def built_in(text: str) -> str:
    """Text of a built-in question in the page's language, and any other text itself.

    Questions of a project's own are in the language that their author chose.
    """
    return say_in("form", text)


def built_in_label(label: str) -> str:
    """Label of a value of a question, alone or behind the value, as `built_in`."""
    if type(label) is PageText:
        return say(label)
    value, dot, text = label.partition(" · ")
    return f"{value}{dot}{built_in(text)}" if dot else built_in(label)


def built_in_titles(titles: Mapping[str, str]) -> dict[str, str]:
    """Titles of questions by their keys, those of built-in ones in the page's language."""
    return {key: built_in(title) for key, title in titles.items()}


def initial(text: str) -> str:
    """Text with a capital first letter, the rest as it is."""
    text = say(text) if isinstance(text, PageText) else text
    return text[:1].upper() + text[1:]
