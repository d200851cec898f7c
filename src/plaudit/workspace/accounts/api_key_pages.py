"""Pages of API keys, for admins: list, create, revoke, in the live or test environment."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from msgspec import Struct

from plaudit import clock
from plaudit.api.http.operation import WriteContext
from plaudit.api.http.parameters import Enum, NoQuery, Text
from plaudit.core.accounts import api_keys
from plaudit.errors import NotFound
from plaudit.model.core import PersonRole, Role
from plaudit.store.accounts import organizations
from plaudit.store.engine.engine import Transaction
from plaudit.texts import N_
from plaudit.wire.manage import resources
from plaudit.wire.v2.parse import moment
from plaudit.workspace.http.page import Page, PageRequest, Redirect, TemplateResponse

KEYS = "/keys"
PAGE_MAX = 50


class Mode(StrEnum):
    """Environment of a key: an organization's live or test one."""

    live = "live"
    test = "test"


class KeysQuery(Struct, frozen=True):
    """Query of GET /keys."""

    mode: Annotated[Mode, Enum(description="Keys of this environment.", words=Mode)] = Mode.live
    next_token: Annotated[str | None, Text(description="Where the page starts.")] = None


class KeyForm(Struct, kw_only=True):
    """Form of POST /keys. `expires_at` is a date-time of RFC 3339; None for no expiry."""

    mode: Mode
    role: Literal["read", "write", "admin"]
    name: str | None = None
    expires_at: str | None = None


class RevokeForm(Struct):
    """Form of POST /keys/{key_id}/revoke; `mode` names the key's environment."""

    mode: Mode


async def show_keys(request: PageRequest[KeysQuery]) -> dict[str, Any]:
    """GET /keys: one page of an environment's keys, oldest first."""
    async with request.db.read() as tx:
        return await _listing(tx, request, request.query)


async def make_key(
    request: PageRequest[NoQuery], submitted: KeyForm, context: WriteContext
) -> TemplateResponse:
    """POST /keys: create a key, and show its text this once."""
    context.environment_id = await _find_environment(context.tx, request, submitted.mode)
    key, text = await api_keys.add_key(
        context.tx,
        request.secret,
        environment_id=context.environment_id,
        mode=submitted.mode,
        name=submitted.name or "",
        role=Role[submitted.role],
        expires_ms=api_keys.checked_expiry(moment(submitted.expires_at, "/expires_at")),
    )
    await context.note("key", key.key_id, detail={"role": submitted.role})
    page = await _listing(context.tx, request, KeysQuery(mode=submitted.mode))
    created = {"made": resources.api_key(key), "text": text}
    return TemplateResponse(template="accounts/api_keys.html", context=page | created)


async def withdraw_key(
    request: PageRequest[NoQuery], submitted: RevokeForm, context: WriteContext
) -> Redirect:
    """POST /keys/{key_id}/revoke: revoke a key for good."""
    context.environment_id = await _find_environment(context.tx, request, submitted.mode)
    key = await api_keys.revoke_key_of_id(
        context.tx, context.environment_id, request.path["key_id"]
    )
    await context.note("key", key.key_id)
    return Redirect(
        to=f"{KEYS}?mode={submitted.mode}",
        flash=N_("The key %(display)s… is revoked.", display=key.display),
    )


async def _listing(tx: Transaction, request: PageRequest[Any], query: KeysQuery) -> dict[str, Any]:
    environment_id = await _find_environment(tx, request, query.mode)
    page = await api_keys.list_keys_page(
        tx, request.secret, environment_id, limit=PAGE_MAX, next_token=query.next_token
    )
    now = clock.format_ms(clock.now_ms())
    return {
        "keys": page.keys,
        "expired": {
            key.key_id for key in page.keys if key.expires_at is not None and key.expires_at <= now
        },
        "next_token": page.next_token,
        "mode": query.mode,
        "modes": list(Mode),
        "roles": ("read", "write", "admin"),
        "made": None,
        "text": "",
    }


async def _find_environment(tx: Transaction, request: PageRequest[Any], mode: Mode) -> str:
    """The environment_id of the user's organization for a mode; raises NotFound."""
    for environment_id in await organizations.list_environments(tx, request.user.organization_id):
        organization = await organizations.find_organization(tx, environment_id)
        if organization is not None and organization[1] == mode:
            return environment_id
    raise NotFound


PAGES = (
    Page(
        page_id="show_keys",
        path=KEYS,
        role=PersonRole.admin,
        handler=show_keys,
        query=KeysQuery,
        template="accounts/api_keys.html",
        nav=N_("Keys"),
        nav_order=75,
        nav_section=N_("Settings"),
    ),
    Page(
        page_id="make_key",
        method="POST",
        path=KEYS,
        role=PersonRole.admin,
        handler=make_key,
        form=KeyForm,
        form_page="show_keys",
    ),
    Page(
        page_id="withdraw_key",
        method="POST",
        path=f"{KEYS}/{{key_id}}/revoke",
        role=PersonRole.admin,
        handler=withdraw_key,
        form=RevokeForm,
    ),
)
