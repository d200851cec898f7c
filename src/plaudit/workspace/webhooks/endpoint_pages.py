"""Webhooks: who is told of events, with which secrets; for admins."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import Struct

from plaudit import clock
from plaudit.api.http.operation import WriteContext
from plaudit.api.http.parameters import NoQuery
from plaudit.core.webhooks import endpoints
from plaudit.model.core import PersonRole
from plaudit.model.webhooks import CHOOSABLE, EVERY_EVENT
from plaudit.store.engine.engine import Transaction
from plaudit.store.webhooks import endpoints as endpoints_store
from plaudit.store.webhooks.endpoints import SealedSecret, WebhookEndpoint
from plaudit.workspace.accounts.sign_in_pages import NoFields
from plaudit.workspace.http.page import Page, PageRequest, Redirect, TemplateResponse

WEBHOOKS = "/webhooks"
KEPT_CHOICES = (
    (24 * 3600, "for a day"),
    (3600, "for an hour"),
    (7 * 24 * 3600, "for a week"),
    (0, "not at all"),
)
"""How long an old secret stays valid beside the new one, the usual time first."""

_events = msgspec.json.Decoder(list[str]).decode


class EndpointForm(Struct, kw_only=True):
    """Where events are sent, and which; with `every`, those of later versions too."""

    url: str
    every: bool = False
    events: list[str] = []

    @property
    def chosen(self) -> list[str]:
        """The events as the core takes them."""
        return [EVERY_EVENT] if self.every else self.events


class RotateForm(Struct):
    """How many seconds the old secret stays valid."""

    keep_old_s: int = endpoints.KEEP_OLD_S


class ShownEndpoint(Struct, frozen=True, kw_only=True):
    """An endpoint as the page draws it."""

    endpoint_id: str
    path: str
    url: str
    events: list[str]
    is_active: bool
    reason: str
    created_ms: int
    old_until: str | None


async def show_webhooks(visit: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET /webhooks: all endpoints, and whether callbacks have a secret."""
    async with visit.db.read() as tx:
        return await _listing(tx, visit)


async def check_url(visit: PageRequest[NoQuery], form: EndpointForm) -> None:
    """Refuse a URL that may never be called; before the transaction, for DNS takes time."""
    endpoints.check_events(form.chosen)
    await visit.services.shared.egress.check_url(form.url.strip(), pointer="/url")


async def add_webhook(
    visit: PageRequest[NoQuery], form: EndpointForm, change: WriteContext
) -> TemplateResponse:
    """POST /webhooks: one endpoint; its secret is shown this once."""
    endpoint, secret = await endpoints.create_endpoint(
        change.tx, visit.secret, change.environment_id, url=form.url.strip(), events=form.chosen
    )
    await change.note("webhook", endpoint.endpoint_id, detail=_detail(endpoint))
    return await _with_secret(change.tx, visit, endpoint, secret)


async def show_webhook(visit: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET /webhooks/{endpoint_id}: one endpoint, to be changed."""
    async with visit.db.read() as tx:
        endpoint = await _named(tx, visit)
    return {
        "endpoint": _shown(endpoint),
        "choosable": list(CHOOSABLE),
        "every": EVERY_EVENT,
        "kept_choices": KEPT_CHOICES,
    }


async def edit_webhook(
    visit: PageRequest[NoQuery], form: EndpointForm, change: WriteContext
) -> Redirect:
    """POST /webhooks/{endpoint_id}: another URL, other events."""
    was = await _named(change.tx, visit)
    endpoint = await endpoints.change_endpoint(
        change.tx, was, url=form.url.strip(), events=form.chosen
    )
    await _note_change(change, was, endpoint)
    return Redirect(to=WEBHOOKS, flash="The webhook is changed.")


async def pause_webhook(
    visit: PageRequest[NoQuery], form: NoFields, change: WriteContext
) -> Redirect:
    """POST /webhooks/{endpoint_id}/pause: nothing is sent to it any more."""
    was = await _named(change.tx, visit)
    await _note_change(
        change, was, await endpoints.change_endpoint(change.tx, was, is_active=False)
    )
    return Redirect(to=WEBHOOKS, flash="The webhook is paused.")


async def resume_webhook(
    visit: PageRequest[NoQuery], form: NoFields, change: WriteContext
) -> Redirect:
    """POST /webhooks/{endpoint_id}/resume: events are sent to it again."""
    was = await _named(change.tx, visit)
    await _note_change(change, was, await endpoints.change_endpoint(change.tx, was, is_active=True))
    return Redirect(to=WEBHOOKS, flash="The webhook is active again.")


async def remove_webhook(
    visit: PageRequest[NoQuery], form: NoFields, change: WriteContext
) -> Redirect:
    """POST /webhooks/{endpoint_id}/delete: what waits for it is given up."""
    endpoint_id = visit.path["endpoint_id"]
    await endpoints.delete_endpoint(change.tx, change.environment_id, endpoint_id)
    await change.note("webhook", endpoint_id)
    return Redirect(to=WEBHOOKS, flash="The webhook is deleted.")


async def ping_webhook(
    visit: PageRequest[NoQuery], form: NoFields, change: WriteContext
) -> Redirect:
    """POST /webhooks/{endpoint_id}/ping: a test event is on its way."""
    endpoint = await _named(change.tx, visit)
    event_id = await endpoints.ping(change.tx, endpoint)
    await change.note("webhook", endpoint.endpoint_id, detail={"event_id": event_id})
    to = f"{WEBHOOKS}/notices?endpoint_id={quote(endpoint.endpoint_id, safe='')}"
    return Redirect(to=to, flash="A ping is on its way. Load this page again to see how it went.")


async def rotate_secret(
    visit: PageRequest[NoQuery], form: RotateForm, change: WriteContext
) -> TemplateResponse:
    """POST /webhooks/{endpoint_id}/rotate: a new secret, shown this once."""
    endpoint, secret = await endpoints.rotate_endpoint(
        change.tx, visit.secret, await _named(change.tx, visit), keep_old_s=form.keep_old_s
    )
    await change.note("webhook", endpoint.endpoint_id, detail={"keep_old_s": form.keep_old_s})
    return await _with_secret(change.tx, visit, endpoint, secret)


async def rotate_callbacks(
    visit: PageRequest[NoQuery], form: RotateForm, change: WriteContext
) -> TemplateResponse:
    """POST /webhooks/callback-secret: a new secret for callbacks, or the first one."""
    _, secret = await endpoints.rotate_callback_secret(
        change.tx, visit.secret, change.environment_id, keep_old_s=form.keep_old_s
    )
    await change.note(
        "callback_secret", change.environment_id, detail={"keep_old_s": form.keep_old_s}
    )
    context = await _listing(change.tx, visit)
    once = {"secret": secret, "callback_key": endpoints.callback_key(secret)}
    return TemplateResponse(template="webhooks/endpoints.html", context=context | once)


async def _listing(tx: Transaction, visit: PageRequest[Any]) -> dict[str, Any]:
    found = await endpoints_store.list_endpoints(tx, visit.user.environment_id)
    callbacks = await endpoints_store.find_callback_secret(tx, visit.user.environment_id)
    return {
        "endpoints": [_shown(one) for one in found],
        "choosable": list(CHOOSABLE),
        "every": EVERY_EVENT,
        "kept_choices": KEPT_CHOICES,
        "has_callback_secret": callbacks is not None,
        "callback_old_until": None if callbacks is None else _old_until(callbacks),
        "made": None,
        "secret": "",
        "callback_key": "",
    }


async def _with_secret(
    tx: Transaction, visit: PageRequest[Any], endpoint: WebhookEndpoint, secret: str
) -> TemplateResponse:
    """The page of webhooks with a secret at its top, which is shown nowhere else."""
    context = await _listing(tx, visit)
    made = {"made": _shown(endpoint), "secret": secret}
    return TemplateResponse(template="webhooks/endpoints.html", context=context | made)


async def _named(tx: Transaction, visit: PageRequest[Any]) -> WebhookEndpoint:
    return await endpoints.get_endpoint(tx, visit.user.environment_id, visit.path["endpoint_id"])


async def _note_change(change: WriteContext, was: WebhookEndpoint, now: WebhookEndpoint) -> None:
    detail = {"from": _detail(was), "to": _detail(now)}
    await change.note("webhook", now.endpoint_id, detail=detail)


def _detail(endpoint: WebhookEndpoint) -> dict[str, Any]:
    return {
        "url": endpoint.url,
        "events": _events(endpoint.events),
        "status": "active" if endpoint.is_active else "disabled",
    }


def _shown(endpoint: WebhookEndpoint) -> ShownEndpoint:
    return ShownEndpoint(
        endpoint_id=endpoint.endpoint_id,
        path=f"{WEBHOOKS}/{quote(endpoint.endpoint_id, safe='')}",
        url=endpoint.url,
        events=_events(endpoint.events),
        is_active=endpoint.is_active,
        reason=endpoint.reason,
        created_ms=endpoint.created_ms,
        old_until=_old_until(endpoint.secret),
    )


def _old_until(sealed: SealedSecret) -> str | None:
    if sealed.old_until_ms is None or sealed.old_until_ms <= clock.now_ms():
        return None
    return clock.format_ms(sealed.old_until_ms)


def _page(page_id: str, path: str, handler: Any, **fields: Any) -> Page:
    return Page(
        page_id=page_id, path=f"{WEBHOOKS}{path}", role=PersonRole.admin, handler=handler, **fields
    )


_ONE = "/{endpoint_id}"
_BUTTON: dict[str, Any] = {"method": "POST", "form": NoFields, "form_page": "show_webhook"}
PAGES = (
    _page(
        "show_webhooks",
        "",
        show_webhooks,
        template="webhooks/endpoints.html",
        nav="Webhooks",
        nav_order=80,
    ),
    _page(
        "add_webhook",
        "",
        add_webhook,
        method="POST",
        form=EndpointForm,
        before=check_url,
        form_page="show_webhooks",
    ),
    _page(
        "rotate_callbacks",
        "/callback-secret",
        rotate_callbacks,
        method="POST",
        form=RotateForm,
        form_page="show_webhooks",
    ),
    _page("show_webhook", _ONE, show_webhook, template="webhooks/endpoint.html"),
    _page(
        "edit_webhook",
        _ONE,
        edit_webhook,
        method="POST",
        form=EndpointForm,
        before=check_url,
        form_page="show_webhook",
    ),
    _page("pause_webhook", f"{_ONE}/pause", pause_webhook, **_BUTTON),
    _page("resume_webhook", f"{_ONE}/resume", resume_webhook, **_BUTTON),
    _page("remove_webhook", f"{_ONE}/delete", remove_webhook, **_BUTTON),
    _page("ping_webhook", f"{_ONE}/ping", ping_webhook, **_BUTTON),
    _page(
        "rotate_secret",
        f"{_ONE}/rotate",
        rotate_secret,
        method="POST",
        form=RotateForm,
        form_page="show_webhook",
    ),
)
