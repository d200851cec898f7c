"""Words of notes on tasks: what somebody did, and the fixed reasons that people choose from."""

from __future__ import annotations

from plaudit.texts import N_
from plaudit.workspace.language.speech import say

SKIP_REASONS = {
    "too_hard": N_("Too hard"),
    "language": N_("A language I do not know"),
    "broken": N_("Broken or incomplete"),
    "harmful": N_("Harmful content"),
    "other": N_("Something else"),
}
"""Reasons to skip or report a task, by the word that is stored, in the order of the dialog."""

FLAGGED = "flagged"
"""Reason that is stored with every flag; the note beside it says what is wrong."""

DONE = {
    "submit": N_("answered"),
    "submit_once": N_("answered; this was done again, or counts no more"),
    "skip": N_("skipped it"),
    "flag": N_("flagged it"),
    "see_flag": N_("has seen the flags"),
    "offer_again": N_("offered it again to those who skipped it"),
    "report": N_("reported its content"),
    "accept": N_("accepted it"),
    "accept_many": N_("accepted it with others, after a sample of them"),
    "correct": N_("corrected what was delivered"),
    "send_back": N_("sent it back to"),
    "take_back": N_("took back the submission of"),
    "dismiss_report": N_("put it back into the queue"),
    "confirm_report": N_("confirmed the report"),
}
"""Words behind the name of whoever noted something on a task, by the kind of the note."""


WAITING = {
    "all": N_("Every task is reviewed"),
    "sample": N_("Drawn for the sample"),
    "open questions": N_("People disagree"),
    "extra review": N_("By somebody whose work is looked at"),
}
"""Reasons why a task is in review, by the word that is stored."""


def waiting(stored: str) -> str:
    """Words for the stored reason why a task waits: of review, or that of a report."""
    return say(WAITING[stored]) if stored in WAITING else reason(stored)


def done(kind: str) -> str:
    """Words for the kind of a note, in the page's language; a kind that is not known as it is."""
    return say(DONE[kind]) if kind in DONE else kind.replace("_", " ")


def reason(stored: str) -> str:
    """Words for the stored reason of a note; a text that a program gave as it is.

    Empty for that of a flag, which says no more than that there is one.
    """
    if stored == FLAGGED:
        return ""
    return say(SKIP_REASONS[stored]) if stored in SKIP_REASONS else stored


def sentence(stored_reason: str, text: str) -> str:
    """The reason of a note and what was written beside it, in one line."""
    return " – ".join(filter(None, (reason(stored_reason), text)))
