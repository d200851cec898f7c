"""plaudit webhooks: list endpoints and messages, replay messages, show and rotate secrets."""

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
from plaudit.core.webhooks import endpoints, messages
from plaudit.model.core import Actor
from plaudit.model.webhooks import MessageState
from plaudit.store.engine.engine import Database, Transaction
from plaudit.store.webhooks import endpoints as endpoints_store
from plaudit.store.webhooks import messages as messages_store

webhooks = App(name="webhooks")

CALLBACKS = "callbacks"
_ACTOR = Actor("command", "webhooks")


@webhooks.command(name="list")
def list_webhooks(
    *,
    messages: Literal["pending", "delivered", "failed"] | None = None,
    limit: Annotated[int, Parameter(validator=validators.Number(gte=1, lte=500))] = 100,
    context: EnvironmentContext | None = None,
) -> None:
    """List the endpoints, or the messages to them and to callbacks.

    Parameters
    ----------
    messages
        List webhook messages in this state instead, newest first.
    limit
        How many webhook messages to list at the most.
    """
    chosen = context or EnvironmentContext()

    async def work(db: Database, secret: ServerSecret) -> Table:
        environment_id = await api_keys.get_environment(db, chosen.org, chosen.mode)
        async with db.read() as tx:
            if messages is not None:
                return await _messages_table(tx, environment_id, MessageState(messages), limit)
            return await _endpoints_table(tx, environment_id)

    table = with_store(chosen.settings(), work)
    if not table.row_count:
        say.print(
            "There are none." if messages else "No webhooks yet; see /docs for how to add one."
        )
        return
    show(table)


@webhooks.command
def replay(
    *,
    webhook: str | None = None,
    message: str | None = None,
    context: EnvironmentContext | None = None,
) -> None:
    """Send failed webhook messages again.

    Parameters
    ----------
    webhook
        Only those to this endpoint.
    message
        Only this one, which may also be delivered already.
    """
    if webhook is not None and message is not None:
        refuse("give --webhook or --message, not both", code=2)
    chosen = context or EnvironmentContext()

    async def work(db: Database, secret: ServerSecret) -> int:
        environment_id = await api_keys.get_environment(db, chosen.org, chosen.mode)
        if message is not None:
            await db.write(lambda tx: _replay_one(tx, environment_id, message))
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
        int, Parameter(validator=validators.Number(gte=0, lte=endpoints.KEEP_OLD_S_MAX))
    ] = endpoints.KEEP_OLD_S,
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
        environment_id = await api_keys.get_environment(db, chosen.org, chosen.mode)
        if rotate is not None:
            name = rotate
            return [
                await db.write(lambda tx: _rotate(tx, secret, environment_id, name, keep_old_s))
            ]
        return await db.write(lambda tx: _secrets(tx, secret, environment_id))

    for line in with_store(chosen.settings(), work):
        print(line)


async def _endpoints_table(tx: Transaction, environment_id: str) -> Table:
    table = Table("id", "url", "events", "status", "created", "reason")
    for endpoint in await endpoints_store.list_endpoints(tx, environment_id):
        table.add_row(
            endpoint.endpoint_id,
            endpoint.url,
            ", ".join(msgspec.json.decode(endpoint.events, type=list[str])),
            "active" if endpoint.is_active else "disabled",
            clock.format_ms(endpoint.created_ms),
            endpoint.reason,
        )
    return table


async def _messages_table(
    tx: Transaction, environment_id: str, state: MessageState, limit: int
) -> Table:
    table = Table("id", "event", "to", "created", "attempts", "outcome")
    stored = await messages_store.list_messages(
        tx, environment_id, state=state, endpoint_id=None, before=None, limit=limit
    )
    for message in stored:
        table.add_row(
            message.message_id,
            await messages_store.get_event_type(tx, message),
            message.endpoint_id or message.target,
            clock.format_ms(message.created_ms),
            str(message.attempt_count),
            message.outcome or "",
        )
    return table


async def _replay_one(tx: Transaction, environment_id: str, message_id: str) -> None:
    message = await messages.replay(tx, environment_id, message_id)
    await audit.record(
        tx,
        environment_id,
        _ACTOR,
        "replay_webhook_message",
        "webhook_message",
        message_id,
        project_key=message.project_key,
    )


async def _replay_some(
    tx: Transaction, environment_id: str, endpoint_id: str | None, before: str | None
) -> tuple[int, str | None]:
    replayed, before = await messages.replay_failed(tx, environment_id, endpoint_id, before=before)
    if replayed:
        name = endpoint_id or environment_id
        kind = "organization" if endpoint_id is None else "webhook"
        detail = {"replayed": len(replayed)}
        await audit.record(tx, environment_id, _ACTOR, "replay_webhook", kind, name, detail=detail)
    return len(replayed), before


async def _rotate(
    tx: Transaction, secret: ServerSecret, environment_id: str, name: str, keep_old_s: int
) -> str:
    detail = {"keep_old_s": keep_old_s}
    if name == CALLBACKS:
        _, text = await endpoints.rotate_callback_secret(
            tx, secret, environment_id, keep_old_s=keep_old_s
        )
        action, kind, name = "rotate_callback_secret", "callback_secret", environment_id
    else:
        endpoint = await endpoints.get_endpoint(tx, environment_id, name)
        _, text = await endpoints.rotate_endpoint(tx, secret, endpoint, keep_old_s=keep_old_s)
        action, kind = "rotate_webhook_secret", "webhook"
    await audit.record(tx, environment_id, _ACTOR, action, kind, name, detail=detail)
    return text


async def _secrets(tx: Transaction, secret: ServerSecret, environment_id: str) -> list[str]:
    """List lines of endpoint id (or `callbacks`), a tab, and a secret."""
    lines = [
        f"{endpoint.endpoint_id}\t{text}"
        for endpoint in await endpoints_store.list_endpoints(tx, environment_id)
        for text in endpoints.endpoint_secrets(secret, endpoint)
    ]
    encrypted = await endpoints.ensure_callback_secret(tx, secret, environment_id)
    texts = endpoints.callback_secrets(secret, environment_id, encrypted)
    lines += [f"{CALLBACKS}\t{text}" for text in texts]
    lines.append(f"{endpoints.CALLBACK_HEADER}\t{endpoints.callback_key(texts[-1])}")
    await audit.record(
        tx, environment_id, _ACTOR, "show_webhook_secrets", "organization", environment_id
    )
    return lines
