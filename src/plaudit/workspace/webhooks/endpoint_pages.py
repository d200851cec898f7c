"""Pages of webhook endpoints and their secrets, for admins."""

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
from plaudit.store.webhooks.endpoints import EncryptedSecret, WebhookEndpoint
from plaudit.texts import N_
from plaudit.workspace.accounts.sign_in_pages import NoFields
from plaudit.workspace.http.page import Page, PageRequest, Redirect, TemplateResponse

WEBHOOKS = "/webhooks"
KEPT_CHOICES = (
    (24 * 3600, N_("for a day")),
    (3600, N_("for an hour")),
    (7 * 24 * 3600, N_("for a week")),
    (0, N_("not at all")),
)
"""Choices of how long an old secret stays valid: seconds and label, the usual one first."""

_events = msgspec.json.Decoder(list[str]).decode


class EndpointForm(Struct, kw_only=True):
    """URL and event types of an endpoint; `every` subscribes to later versions' types too."""

    url: str
    every: bool = False
    events: list[str] = []

    @property
    def chosen(self) -> list[str]:
        """Event types, or `*` alone."""
        return [EVERY_EVENT] if self.every else self.events


class RotateForm(Struct):
    """Seconds for which the old secret stays valid."""

    keep_old_s: int = endpoints.KEEP_OLD_S


class EndpointRow(Struct, frozen=True, kw_only=True):
    """Row of the page's list of endpoints."""

    endpoint_id: str
    path: str
    url: str
    events: list[str]
    is_active: bool
    reason: str
    created_ms: int
    old_until: str | None


async def show_webhooks(request: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET /webhooks: all endpoints, and whether callbacks have a secret."""
    async with request.db.read() as tx:
        return await _listing(tx, request)


async def check_url(request: PageRequest[NoQuery], form: EndpointForm) -> None:
    """Raise InvalidContent for a URL that may not be called; DNS is asked outside a transaction."""
    endpoints.check_events(form.chosen)
    async with request.aside():
        await request.services.shared.http_client.check_url(form.url.strip(), pointer="/url")


async def add_webhook(
    request: PageRequest[NoQuery], submitted: EndpointForm, context: WriteContext
) -> TemplateResponse:
    """POST /webhooks: one endpoint; its secret is shown this once."""
    endpoint, secret = await endpoints.create_endpoint(
        context.tx,
        request.secret,
        context.environment_id,
        url=submitted.url.strip(),
        events=submitted.chosen,
    )
    await context.note("webhook", endpoint.endpoint_id, detail=_audit_detail(endpoint))
    return await _with_secret(context.tx, request, endpoint, secret)


async def show_webhook(request: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET /webhooks/{endpoint_id}: one endpoint, with a form to change it."""
    async with request.db.read() as tx:
        endpoint = await _get_endpoint(tx, request)
    return {
        "endpoint": _row(endpoint),
        "choosable": list(CHOOSABLE),
        "every": EVERY_EVENT,
        "kept_choices": KEPT_CHOICES,
    }


async def edit_webhook(
    request: PageRequest[NoQuery], submitted: EndpointForm, context: WriteContext
) -> Redirect:
    """POST /webhooks/{endpoint_id}: another URL, other events."""
    previous = await _get_endpoint(context.tx, request)
    endpoint = await endpoints.change_endpoint(
        context.tx, previous, url=submitted.url.strip(), events=submitted.chosen
    )
    await _note_change(context, previous, endpoint)
    return Redirect(to=WEBHOOKS, flash=N_("The webhook is changed."))


async def pause_webhook(
    request: PageRequest[NoQuery], submitted: NoFields, context: WriteContext
) -> Redirect:
    """POST /webhooks/{endpoint_id}/pause: nothing is sent to it any more."""
    previous = await _get_endpoint(context.tx, request)
    await _note_change(
        context, previous, await endpoints.change_endpoint(context.tx, previous, is_active=False)
    )
    return Redirect(to=WEBHOOKS, flash=N_("The webhook is paused."))


async def resume_webhook(
    request: PageRequest[NoQuery], submitted: NoFields, context: WriteContext
) -> Redirect:
    """POST /webhooks/{endpoint_id}/resume: events are sent to it again."""
    previous = await _get_endpoint(context.tx, request)
    await _note_change(
        context, previous, await endpoints.change_endpoint(context.tx, previous, is_active=True)
    )
    return Redirect(to=WEBHOOKS, flash=N_("The webhook is active again."))


async def remove_webhook(
    request: PageRequest[NoQuery], submitted: NoFields, context: WriteContext
) -> Redirect:
    """POST /webhooks/{endpoint_id}/delete: delete it; its pending messages fail."""
    endpoint_id = request.path["endpoint_id"]
    await endpoints.delete_endpoint(context.tx, context.environment_id, endpoint_id)
    await context.note("webhook", endpoint_id)
    return Redirect(to=WEBHOOKS, flash=N_("The webhook is deleted."))


async def ping_webhook(
    request: PageRequest[NoQuery], submitted: NoFields, context: WriteContext
) -> Redirect:
    """POST /webhooks/{endpoint_id}/ping: send a test event."""
    endpoint = await _get_endpoint(context.tx, request)
    event_id = await endpoints.ping(context.tx, endpoint)
    await context.note("webhook", endpoint.endpoint_id, detail={"event_id": event_id})
    to = f"{WEBHOOKS}/messages?endpoint_id={quote(endpoint.endpoint_id, safe='')}"
    return Redirect(
        to=to, flash=N_("A ping is on its way. Load this page again to see how it went.")
    )


async def rotate_secret(
    request: PageRequest[NoQuery], submitted: RotateForm, context: WriteContext
) -> TemplateResponse:
    """POST /webhooks/{endpoint_id}/rotate: a new secret, shown this once."""
    endpoint, secret = await endpoints.rotate_endpoint(
        context.tx,
        request.secret,
        await _get_endpoint(context.tx, request),
        keep_old_s=submitted.keep_old_s,
    )
    await context.note("webhook", endpoint.endpoint_id, detail={"keep_old_s": submitted.keep_old_s})
    return await _with_secret(context.tx, request, endpoint, secret)


async def rotate_callbacks(
    request: PageRequest[NoQuery], submitted: RotateForm, context: WriteContext
) -> TemplateResponse:
    """POST /webhooks/callback-secret: a new secret for callbacks, or the first one."""
    _, secret = await endpoints.rotate_callback_secret(
        context.tx, request.secret, context.environment_id, keep_old_s=submitted.keep_old_s
    )
    await context.note(
        "callback_secret", context.environment_id, detail={"keep_old_s": submitted.keep_old_s}
    )
    page = await _listing(context.tx, request)
    once = {"secret": secret, "callback_key": endpoints.callback_key(secret)}
    return TemplateResponse(template="webhooks/endpoints.html", context=page | once)


async def _listing(tx: Transaction, request: PageRequest[Any]) -> dict[str, Any]:
    stored = await endpoints_store.list_endpoints(tx, request.user.environment_id)
    callbacks = await endpoints_store.find_callback_secret(tx, request.user.environment_id)
    return {
        "endpoints": [_row(endpoint) for endpoint in stored],
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
    tx: Transaction, request: PageRequest[Any], endpoint: WebhookEndpoint, secret: str
) -> TemplateResponse:
    """Page of webhooks with a new secret at its top, which is shown only this once."""
    context = await _listing(tx, request)
    made = {"made": _row(endpoint), "secret": secret}
    return TemplateResponse(template="webhooks/endpoints.html", context=context | made)


async def _get_endpoint(tx: Transaction, request: PageRequest[Any]) -> WebhookEndpoint:
    return await endpoints.get_endpoint(
        tx, request.user.environment_id, request.path["endpoint_id"]
    )


async def _note_change(
    context: WriteContext, previous: WebhookEndpoint, endpoint: WebhookEndpoint
) -> None:
    detail = {"from": _audit_detail(previous), "to": _audit_detail(endpoint)}
    await context.note("webhook", endpoint.endpoint_id, detail=detail)


def _audit_detail(endpoint: WebhookEndpoint) -> dict[str, Any]:
    return {
        "url": endpoint.url,
        "events": _events(endpoint.events),
        "status": "active" if endpoint.is_active else "disabled",
    }


def _row(endpoint: WebhookEndpoint) -> EndpointRow:
    return EndpointRow(
        endpoint_id=endpoint.endpoint_id,
        path=f"{WEBHOOKS}/{quote(endpoint.endpoint_id, safe='')}",
        url=endpoint.url,
        events=_events(endpoint.events),
        is_active=endpoint.is_active,
        reason=endpoint.reason,
        created_ms=endpoint.created_ms,
        old_until=_old_until(endpoint.secret),
    )


def _old_until(encrypted: EncryptedSecret) -> str | None:
    if encrypted.old_until_ms is None or encrypted.old_until_ms <= clock.now_ms():
        return None
    return clock.format_ms(encrypted.old_until_ms)


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
        nav=N_("Webhooks"),
        nav_order=80,
        nav_section=N_("Settings"),
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
