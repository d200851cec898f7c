"""Earlier samples of the tasks of an acceptance. They count in it: nobody draws until one is clean.

Who draws again looks at more of the same tasks. So the samples are one, drawn in steps: wrong tasks
of all of them count towards those that may be wrong, and the share that the others do not exceed is
computed from all, with a smaller probability of error for each further look. A task that was drawn
and not decided on is part of the next sample, so that giving a sample up hides nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping, Sequence

import msgspec
from msgspec import Struct

from plaudit.core.labeling.adjudication import acceptance_samples
from plaudit.core.labeling.adjudication.acceptance_samples import RIGHT, WRONG
from plaudit.errors import InvalidContent
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import acceptances, earlier_samples
from plaudit.store.labeling.acceptances import Acceptance
from plaudit.texts import N_

SAMPLE_MAX = 200
"""Tasks of one sample."""
SAMPLES_MAX = 20
"""Samples of one task that may be drawn before an acceptance's own."""
LATER_MAX = 100
"""Samples of a project, drawn after another one, among which those related to it are looked for."""


class _Detail(Struct, frozen=True):
    """Of what an acceptance keeps, the ids of samples that were drawn of its tasks before."""

    related: list[str] = []


_decode = msgspec.json.Decoder(_Detail).decode


class EarlierSample(Struct, frozen=True):
    """Another sample of which something was decided, with how many of its tasks were wrong."""

    acceptance_id: str
    user_id: str
    created_ms: int
    looked: int
    wrong: int


class EarlierSamples(Struct, frozen=True):
    """Other samples of the tasks of an acceptance, newest first; `looked` are all their tasks.

    A task that several drew is one of `looked`, and of `wrong` if it was wrong in one of them.
    """

    samples: list[EarlierSample] = []
    looked: int = 0
    wrong: int = 0


async def list_carried(
    tx: Transaction, project_key: int, user_id: str, revisions: Mapping[int, str]
) -> list[int]:
    """Those of these tasks that were drawn, and that nobody has decided on, by seq.

    In samples that were given up, and in those that the user has not ended; of the same answers.
    Raises InvalidContent where no other task is left to be drawn, and beyond SAMPLE_MAX.
    """
    found = set[int]()
    seqs = sorted(revisions)
    for start in range(0, len(seqs), acceptances.SEQS_AT_ONCE_MAX):
        part = seqs[start : start + acceptances.SEQS_AT_ONCE_MAX]
        listed = await earlier_samples.list_undecided(tx, project_key, user_id, part)
        found |= {seq for seq, revision in listed if revisions[seq] == revision}
    if len(found) >= min(len(revisions), SAMPLE_MAX + 1):
        raise InvalidContent(
            N_(
                "%(count)s of these tasks were drawn before, and nobody decided on them;"
                " look at each of them",
                count=len(found),
            ),
            pointer="/sample_count",
        )
    return sorted(found)


def draw_with(carried: Sequence[int], seqs: Sequence[int], count: int, seed: int) -> list[int]:
    """Draw a sample of tasks that begins with the carried ones, and has `count` or more."""
    rest = sorted(set(seqs) - set(carried))
    return [*carried, *acceptance_samples.draw(rest, max(0, count - len(carried)), seed)]


async def list_related(tx: Transaction, acceptance: Acceptance) -> list[str]:
    """Ids of the samples that were drawn before of tasks of an acceptance, newest first.

    Of its tasks as they are, in the transaction in which it begins. Raises InvalidContent beyond
    SAMPLES_MAX.
    """
    related = await earlier_samples.list_overlapping(
        tx, acceptance.project_key, acceptance.acceptance_id, limit=SAMPLES_MAX + 1
    )
    if len(related) > SAMPLES_MAX:
        raise InvalidContent(
            N_(
                "samples of these tasks were drawn %(most)s times; look at each of them",
                most=SAMPLES_MAX,
            ),
            pointer="/sample_count",
        )
    return related


async def read_earlier(
    tx: Transaction,
    acceptance: Acceptance,
    related: Sequence[str],
    *,
    person_id: str,
    own: Container[int],
) -> EarlierSamples:
    """Samples besides an acceptance's own: the `related` ones, and later ones related to it.

    Where the acceptance is of one person's tasks (`person_id`), only those count that this person
    answered. `own` are the seqs of its own sample, which are not among them.
    """
    key, acceptance_id = acceptance.project_key, acceptance.acceptance_id
    later = await earlier_samples.list_later(tx, key, acceptance_id, limit=LATER_MAX)
    ids = [*related, *(one for one, detail in later if acceptance_id in _decode(detail).related)]
    judged = [
        one
        for one in await earlier_samples.list_judged(tx, key, ids, person_id)
        if one.seq not in own
    ]
    looked = Counter(one.acceptance_id for one in judged)
    wrong = Counter(one.acceptance_id for one in judged if one.outcome == WRONG)
    listed = await earlier_samples.list_acceptances_at(tx, key, sorted(looked))
    return EarlierSamples(
        [
            EarlierSample(
                one.acceptance_id,
                one.user_id,
                one.created_ms,
                looked[one.acceptance_id],
                wrong[one.acceptance_id],
            )
            for one in listed
        ],
        looked=len({one.seq for one in judged if one.outcome in (RIGHT, WRONG)}),
        wrong=len({one.seq for one in judged if one.outcome == WRONG}),
    )
