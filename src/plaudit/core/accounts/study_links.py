"""Study links: people of Prolific and the like come in without a password, and leave with a code.

The link carries a secret, and the service adds its ids of the participant and of their session. Who
comes for the first time gets an account of their own, an annotator without e-mail address and
password, who is a member of the one project with a quota of tasks. Whoever comes again under the id
of a participant needs the session of that browser, or the service's id of the session with which
they came first (`SESSION_ID`, which the service draws at random for each participant): naming
somebody's id alone opens nothing. A link is bounded by the number of people and by time, and ends
when a manager revokes it; then the sessions of those who came by it end too.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Sequence
from urllib.parse import urlsplit

from msgspec import Struct

from plaudit import clock, ids
from plaudit.core.accounts import project_members, sessions, users
from plaudit.core.common import names
from plaudit.core.common.rate_limits import Bucket, bound_wait_s
from plaudit.core.common.server_secret import ServerSecret
from plaudit.core.staffing.quotas import QUOTA_MAX
from plaudit.errors import Conflict, Forbidden, InvalidContent, NotFound, TooManyRequests
from plaudit.model.core import PersonRole, PersonStatus, ProjectRow, Quota, SignedIn
from plaudit.model.staffing import StudyLinkRow, TaskQuota
from plaudit.store.accounts import sessions as sessions_store
from plaudit.store.accounts import study_links
from plaudit.store.accounts import users as users_store
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import own_work
from plaudit.texts import N_

PEOPLE_MAX = 1000
"""People of one link; for more there are more links."""
DAYS_MAX = 90
CODE_CHARS_MAX = 200
URL_CHARS_MAX = 1000
ID_CHARS_MAX = 200
"""Longest id of a participant or session that is taken."""
ENTRIES_PER_NETWORK = Quota(300, 60 * 60)
ENTRIES_PER_LINK = Quota(3000, 60 * 60)

_TOKEN_BYTES = 24
_TOKEN_CHARS_MAX = 100
_DAY_MS = 24 * 60 * 60 * 1000
_GONE = N_(
    "this study is over, or full; close the page and tell the service that you cannot take part"
)


class EntryThrottle:
    """Limits of one process on who comes by study links, by network and by link."""

    def __init__(self) -> None:
        self._network = Bucket("study-network", ENTRIES_PER_NETWORK)
        self._link = Bucket("study-link", ENTRIES_PER_LINK)

    def admit(self, network: str, link_id: str, at: float) -> None:
        """Count an entry; raises TooManyRequests after too many. `at` is a monotonic time in s."""
        counted = ((self._network, network), (self._link, link_id))
        wait = max(bucket.wait(who, at) for bucket, who in counted)
        if wait:
            raise TooManyRequests(
                "too many people come in at this moment; wait a little and try again",
                wait_s=bound_wait_s(wait),
            )
        for bucket, who in counted:
            bucket.take(who, at)


class NewStudyLink(Struct, frozen=True, kw_only=True):
    """Choices of a manager for a link."""

    name: str
    tasks: int
    """Tasks that each person does."""
    people_max: int
    days: int
    completion_code: str
    completion_url: str | None = None


class StudyEntry(Struct, frozen=True):
    """Ids by which somebody comes: of them and, if the service has one, of their session."""

    participant: str
    session: str = ""


async def create_link(
    tx: Transaction, secret: ServerSecret, project: ProjectRow, wanted: NewStudyLink
) -> tuple[StudyLinkRow, str]:
    """Add a link; return it and its token, which is not stored. Raises InvalidContent."""
    _check(wanted)
    now = clock.now_ms()
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    link = StudyLinkRow(
        link_id=ids.mint("study"),
        organization_id=await project_members.organization_of(tx, project),
        project_key=project.project_key,
        name=wanted.name.strip(),
        tasks_in_all=wanted.tasks,
        people_max=wanted.people_max,
        people_count=0,
        completion_code=wanted.completion_code.strip(),
        completion_url=wanted.completion_url,
        created_ms=now,
        expires_ms=now + wanted.days * _DAY_MS,
        ended_ms=None,
    )
    await study_links.insert_link(tx, link, secret.study_digests(token)[0])
    return link, token


async def revoke(tx: Transaction, project: ProjectRow, link_id: str) -> StudyLinkRow:
    """End a link at once, with the sessions of all who came by it; their work stays.

    They are no members of the project any more, so what they hold goes back. Raises NotFound,
    Conflict if it has ended.
    """
    link = await get_link(tx, project, link_id)
    if not await study_links.end_link(tx, link_id, clock.now_ms()):
        raise Conflict("this link was revoked already")
    people = await study_links.list_people_of(tx, link_id, limit=PEOPLE_MAX)
    for user_id in people:
        await sessions_store.delete_sessions(tx, link.organization_id, user_id)
        await project_members.drop_member(tx, project, user_id)
    await project_members.give_back_of(tx, project, people)
    return await get_link(tx, project, link_id)


async def get_link(tx: Transaction, project: ProjectRow, link_id: str) -> StudyLinkRow:
    """A link of a project; raises NotFound. Needs no write transaction."""
    link = await study_links.find_link(tx, project.project_key, link_id)
    if link is None:
        raise NotFound("there is no such study link")
    return link


async def list_links(
    tx: Transaction, project: ProjectRow, *, before: str | None = None, limit: int = 100
) -> Sequence[StudyLinkRow]:
    """List up to `limit` links of a project, newest first, those before the id `before`."""
    return await study_links.list_links(tx, project.project_key, before=before, limit=limit)


async def find_by_token(tx: Transaction, secret: ServerSecret, token: str) -> StudyLinkRow:
    """Link in force with this token; raises NotFound. Needs no write transaction."""
    for digest in secret.study_digests(token[:_TOKEN_CHARS_MAX]):
        link = await study_links.find_link_by_digest(tx, digest, clock.now_ms())
        if link is not None:
            return link
    raise NotFound(_GONE)


async def enter(
    tx: Transaction,
    secret: ServerSecret,
    link: StudyLinkRow,
    entry: StudyEntry,
    *,
    user_id: str | None,
    agent: str,
) -> str | None:
    """Let somebody in by a link; return the token of their new session.

    `user_id` is whoever is signed in already, for whom None is returned if they are this
    participant. Raises Forbidden for an id under which somebody else came, NotFound where the link
    is full or has ended, InvalidContent for a bad id.
    """
    for word in (entry.participant, entry.session):
        if len(word) > ID_CHARS_MAX or not word.isprintable():
            raise InvalidContent("this is no id of a participant", pointer="/participant")
    if not entry.participant:
        raise InvalidContent("the link came without an id of yours", pointer="/participant")
    participants = secret.study_digests(f"{link.link_id} is {entry.participant}")
    proofs = secret.study_digests(f"{link.link_id} by {entry.participant} {entry.session}")
    for digest in participants:
        known = await study_links.find_participant(tx, link.link_id, digest)
        if known is None:
            continue
        if known.user_id == user_id:
            return None
        may_enter = bool(entry.session and known.entry) and any(
            hmac.compare_digest(known.entry or b"", proof) for proof in proofs
        )
        if may_enter and not await study_links.lock_in_force(tx, link.link_id, clock.now_ms()):
            raise NotFound(_GONE)
        person = await users_store.find_person(tx, link.organization_id, known.user_id)
        if not may_enter or person is None or person.status is not PersonStatus.active:
            raise Forbidden(
                "somebody takes part under this id already; go on in the browser where you began, "
                "or open the study from the service's page again"
            )
        return await sessions.start_session(
            tx,
            secret,
            organization_id=link.organization_id,
            user_id=known.user_id,
            agent=agent,
        )
    return await _let_in(tx, secret, link, entry, participants[0], proofs[0], agent=agent)


async def _let_in(
    tx: Transaction,
    secret: ServerSecret,
    link: StudyLinkRow,
    entry: StudyEntry,
    participant: bytes,
    proof: bytes,
    *,
    agent: str,
) -> str:
    """Make the account of somebody new, and start their session; raises NotFound."""
    now = clock.now_ms()
    if not await study_links.count_in(tx, link.link_id, now):
        raise NotFound(_GONE)
    person = await users.invite(
        tx,
        link.organization_id,
        email=None,
        user_name=f"study-{secrets.token_hex(8)}",
        name=None,
        role=PersonRole.annotator,
        is_guest=True,
    )
    await users.change(tx, link.organization_id, person.user_id, {"status": PersonStatus.active})
    inserted = await study_links.insert_participant(
        tx,
        link.link_id,
        participant,
        user_id=person.user_id,
        entry=proof if entry.session else None,
        now=now,
    )
    if not inserted:
        raise Conflict("you are coming in already in another window")
    await project_members.add_annotator(
        tx, link.project_key, person.user_id, TaskQuota(in_all=link.tasks_in_all), now
    )
    return await sessions.start_session(
        tx,
        secret,
        organization_id=link.organization_id,
        user_id=person.user_id,
        agent=agent,
    )


class StudyProgress(Struct, frozen=True):
    """Progress of somebody who came by a link; `is_done` is when they get the code."""

    link: StudyLinkRow
    submitted: int
    is_done: bool


async def find_progress(
    tx: Transaction, project: ProjectRow, user: SignedIn, *, waiting: int, held: int
) -> StudyProgress | None:
    """Progress of a guest in the project of their link; None for anybody else.

    They are done with the last of their tasks; or after one at least, when none is `waiting` for
    them and none is `held`.
    """
    link = await study_links.find_link_of_person(tx, user.user_id) if user.is_guest else None
    if link is None or link.project_key != project.project_key:
        return None
    [counts] = await own_work.count_by_project(
        tx, [project.project_key], user.user_id, most=link.tasks_in_all
    )
    submitted = min(counts.submitted, link.tasks_in_all)
    is_over = submitted >= link.tasks_in_all or (submitted > 0 and not waiting and not held)
    return StudyProgress(link, submitted, is_over)


def link_url(base: str, token: str) -> str:
    """URL of a link, with the parameters that Prolific fills in."""
    ids_ = "PROLIFIC_PID={{%PROLIFIC_PID%}}&STUDY_ID={{%STUDY_ID%}}&SESSION_ID={{%SESSION_ID%}}"
    return f"{base}/study/{token}?{ids_}"


def _check(wanted: NewStudyLink) -> None:
    names.check_name(wanted.name)
    for name, value, most in (
        ("tasks", wanted.tasks, QUOTA_MAX),
        ("people_max", wanted.people_max, PEOPLE_MAX),
        ("days", wanted.days, DAYS_MAX),
    ):
        if not 1 <= value <= most:
            raise InvalidContent(f"{name} is 1 to {most}", pointer=f"/{name}")
    code = wanted.completion_code.strip()
    if not 1 <= len(code) <= CODE_CHARS_MAX or not code.isprintable():
        raise InvalidContent(
            f"a completion code has 1 to {CODE_CHARS_MAX} characters", pointer="/completion_code"
        )
    url = wanted.completion_url
    if url is None:
        return
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if (
        parts.scheme != "https"
        or not parts.netloc
        or len(url) > URL_CHARS_MAX
        or not (url.isascii() and url.isprintable() and " " not in url)
    ):
        raise InvalidContent("an https URL", pointer="/completion_url")
