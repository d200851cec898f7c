"""Answers of reading operations from a replica, and from the primary where it has none to give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog

from plaudit.api.http.metrics import Metrics
from plaudit.store.engine import connect
from plaudit.store.engine.engine import AskPrimary, ReplicaState

if TYPE_CHECKING:  # it needs the extra for PostgreSQL
    from plaudit.store.engine.replica import Replica

ANSWERED_BY = "plaudit.answered_by"
"""Key of the scope for (server, reason): `replica`, or `primary` with the reason for it.

It is absent where no replica was to be asked.
"""


def is_for_replicas(path: str, method: str) -> bool:
    """True for operations that a replica may answer: those of Scale's API that read.

    Their handlers only read, through `call.db`, and have sent nothing when they return or raise, so
    they can be run again.
    """
    return method == "GET" and path.startswith(("/v1/", "/v2/"))


async def answer(operation: Any, call: Any) -> Any:
    """Answer of the operation's handler to a call; raises what that raises."""
    replica = call.services.replica
    if replica is None or call.caller is None or not is_for_replicas(operation.path, "GET"):
        return await operation.handler(call)
    call.scope[ANSWERED_BY] = ("replica", "")
    try:
        call.db = replica.at(call.caller.log_mark)
        return await operation.handler(call)
    except AskPrimary as exc:
        call.scope[ANSWERED_BY] = ("primary", exc.reason)
        call.db = call.services.db
    return await operation.handler(call)


async def start(services: Any, metrics: Metrics) -> None:
    """Open the replica that the settings name, and begin to watch it; raises Misconfigured."""
    if services.settings.database_read is not None:
        note = _Notes(metrics)
        services.replica = await connect.open_replica(services.settings, services.db, note)
        services.replica.start()


class _Notes:
    """Metrics of a replica, and a log line for each change of its state."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._state = ReplicaState.starting
        self._log = structlog.get_logger("plaudit.replica")
        metrics.add_replica()

    def __call__(self, replica: Replica) -> None:
        is_ready = replica.state is ReplicaState.ready
        self._metrics.set_replica(is_ready=is_ready, lag_s=replica.lag_s)
        if replica.state is not self._state:
            self._state = replica.state
            log = self._log.info if is_ready else self._log.warning
            log(
                "replica", state=replica.state, lag_s=round(replica.lag_s, 3), detail=replica.detail
            )
