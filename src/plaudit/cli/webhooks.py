"""plaudit webhooks: who is told of events, what is sent again, what it is signed with."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from cyclopts import App, Parameter, validators
from rich.table import Table

from plaudit import clock
from plaudit.cli.context import EnvironmentContext, with_store
from plaudit.cli.terminal import refuse, say, show
from plaudit.core.accounts import api_keys
from plaudit.core.common import audit
from plaudit.core.common.server_secret import ServerSecret
from plaudit.core.webhooks import endpoints as rules
from plaudit.core.webhooks import messages as notices
from plaudit.model.core import Actor
from plaudit.model.webhooks import MessageState
from plaudit.store.engine.engine import Database, Transaction
from plaudit.store.webhooks import endpoints, messages

webhooks = App(name="webhooks")

CALLBACKS = "callbacks"
_ACTOR = Actor("command", "webhooks")


@webhooks.command(name="list")
def list_webhooks(
    *,
    notices: Literal["waiting", "done", "dead"] | None = None,
    limit: Annotated[int, Parameter(validator=validators.Number(gte=1, lte=500))] = 100,
    context: EnvironmentContext | None = None,
) -> None:
    """List the endpoints, or what they and the callbacks were told.

    Parameters
    ----------
    notices
        List notices in this state instead, newest first.
    limit
        How many notices to list at the most.
    """
    chosen = context or EnvironmentContext()

    async def work(db: Database, secret: ServerSecret) -> Table:
        environment_id = await api_keys.get_org(db, chosen.org, chosen.mode)
        async with db.read() as tx:
            if notices is not None:
                return await _notices(tx, environment_id, MessageState(notices), limit)
            return await _endpoints(tx, environment_id)

    found = with_store(chosen.settings(), work)
    if not found.row_count:
        say.print(
            "There are none." if notices else "No webhooks yet; see /docs for how to add one."
        )
        return
    show(found)


@webhooks.command
def replay(
    *,
    webhook: str | None = None,
    notice: str | None = None,
    context: EnvironmentContext | None = None,
) -> None:
    """Send again what was given up.

    Parameters
    ----------
    webhook
        Only what went to this endpoint.
    notice
        Only this notice, which may also have arrived already.
    """
    if webhook is not None and notice is not None:
        refuse("give --webhook or --notice, not both", code=2)
    chosen = context or EnvironmentContext()

    async def work(db: Database, secret: ServerSecret) -> int:
        environment_id = await api_keys.get_org(db, chosen.org, chosen.mode)
        if notice is not None:
            await db.write(lambda tx: _replay_one(tx, environment_id, notice))
            return 1
        total, before = 0, None
        while True:
            count, before = await db.write(
                lambda tx, before=before: _replay_some(tx, environment_id, webhook, before)  # type: ignore[misc]
            )
            total += count
            if before is None:
                return total

    count = with_store(chosen.settings(), work)
    say.print(f"{count} {'is' if count == 1 else 'are'} sent again.")


@webhooks.command
def secrets(
    *,
    rotate: str | None = None,
    keep_old_s: Annotated[
        int, Parameter(validator=validators.Number(gte=0, lte=rules.KEEP_OLD_S_MAX))
    ] = rules.KEEP_OLD_S,
    context: EnvironmentContext | None = None,
) -> None:
    """Print the secrets that messages are signed with, or make a new one and print it alone.

    Parameters
    ----------
    rotate
        The id of the endpoint to get a new secret, or "callbacks".
    keep_old_s
        How many seconds the old one stays valid beside it.
    """
    chosen = context or EnvironmentContext()

    async def work(db: Database, secret: ServerSecret) -> list[str]:
        environment_id = await api_keys.get_org(db, chosen.org, chosen.mode)
        if rotate is not None:
            name = rotate
            return [
                await db.write(lambda tx: _rotate(tx, secret, environment_id, name, keep_old_s))
            ]
        return await db.write(lambda tx: _secrets(tx, secret, environment_id))

    for line in with_store(chosen.settings(), work):
        print(line)


async def _endpoints(tx: Transaction, environment_id: str) -> Table:
    table = Table("id", "url", "events", "status", "created", "reason")
    for one in await endpoints.list_endpoints(tx, environment_id):
        table.add_row(
            one.endpoint_id,
            one.url,
            ", ".join(msgspec.json.decode(one.events, type=list[str])),
            "active" if one.is_active else "disabled",
            clock.format_ms(one.created_ms),
            one.reason,
        )
    return table


async def _notices(tx: Transaction, environment_id: str, state: MessageState, limit: int) -> Table:
    table = Table("id", "event", "to", "created", "attempts", "outcome")
    found = await messages.list_notices(
        tx, environment_id, state=state, endpoint_id=None, before=None, limit=limit
    )
    for one in found:
        table.add_row(
            one.notice_id,
            await messages.get_event_type(tx, one),
            one.endpoint_id or one.target,
            clock.format_ms(one.created_ms),
            str(one.attempt_count),
            one.outcome or "",
        )
    return table


async def _replay_one(tx: Transaction, environment_id: str, notice_id: str) -> None:
    found = await notices.replay(tx, environment_id, notice_id)
    await audit.record(
        tx,
        environment_id,
        _ACTOR,
        "replay_notice",
        "notice",
        notice_id,
        project_key=found.project_key,
    )


async def _replay_some(
    tx: Transaction, environment_id: str, endpoint_id: str | None, before: str | None
) -> tuple[int, str | None]:
    again, before = await notices.replay_dead(tx, environment_id, endpoint_id, before=before)
    if again:
        name = endpoint_id or environment_id
        kind = "organization" if endpoint_id is None else "webhook"
        detail = {"replayed": len(again)}
        await audit.record(tx, environment_id, _ACTOR, "replay_webhook", kind, name, detail=detail)
    return len(again), before


async def _rotate(
    tx: Transaction, secret: ServerSecret, environment_id: str, name: str, keep_old_s: int
) -> str:
    detail = {"keep_old_s": keep_old_s}
    if name == CALLBACKS:
        _, text = await rules.rotate_callback_secret(
            tx, secret, environment_id, keep_old_s=keep_old_s
        )
        action, kind, name = "rotate_callback_secret", "callback_secret", environment_id
    else:
        was = await rules.get_endpoint(tx, environment_id, name)
        _, text = await rules.rotate_endpoint(tx, secret, was, keep_old_s=keep_old_s)
        action, kind = "rotate_webhook_secret", "webhook"
    await audit.record(tx, environment_id, _ACTOR, action, kind, name, detail=detail)
    return text


async def _secrets(tx: Transaction, secret: ServerSecret, environment_id: str) -> list[str]:
    """One line for each secret: whose it is, a tab, the secret."""
    found = [
        f"{one.endpoint_id}\t{text}"
        for one in await endpoints.list_endpoints(tx, environment_id)
        for text in rules.endpoint_secrets(secret, one)
    ]
    sealed = await rules.ensure_callback_secret(tx, secret, environment_id)
    texts = rules.callback_secrets(secret, environment_id, sealed)
    found += [f"{CALLBACKS}\t{text}" for text in texts]
    found.append(f"{rules.CALLBACK_HEADER}\t{rules.callback_key(texts[-1])}")
    await audit.record(
        tx, environment_id, _ACTOR, "show_webhook_secrets", "organization", environment_id
    )
    return found
