"""Connections of one process: their phases, how many there may be, and which of them make room.

When all places are taken, a newcomer gets that of the peer that has made no use of its own for
longest; it is refused only while every place is in use.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from enum import Enum
from ipaddress import IPv4Network, IPv6Network
from typing import Protocol

import structlog

from plaudit.api.http.client_address import untrusted_network
from plaudit.errors import Problem, Unavailable
from plaudit.settings import (
    CONNECTIONS_MAX,
    CONNECTIONS_PER_NETWORK_MAX,
    UNREAD_MAX,
    UNREAD_PER_NETWORK_MAX,
)

SWEEP_S = 1.0
"""Seconds between two looks at every connection; limits of time are kept to within it."""


class Phase(Enum):
    """Phase of a connection; those that make room for others first come first."""

    lingering = "lingering"
    """Answered before the request's body has come."""
    waiting = "waiting"
    """For a request, or the rest of its head; the one before, if any, was without a key."""
    body = "body"
    unread = "unread"
    """The peer does not take its answer as fast as it is made."""
    resting = "resting"
    """Like `waiting`, of a peer whose last request had a valid key or session."""
    serving = "serving"


_SPARED = {Phase.body: True, Phase.unread: True}
"""Phases in which only peers without a valid key or session make room."""
_ORDER = {phase: number for number, phase in enumerate(Phase)}


class Connection(Protocol):
    """One connection, as its limits see it."""

    loop: asyncio.AbstractEventLoop
    phase: Phase
    since: float
    """Time of the event loop at which the phase began."""

    @property
    def host(self) -> str:
        """Address of the peer, empty if it has none."""

    @property
    def is_known(self) -> bool:
        """True if the latest request had a valid key or session."""

    def check(self, now: float) -> None:
        """End the connection if its peer is too slow."""

    def end(self) -> None:
        """End the connection at once."""


class ConnectionLimits:
    """Connections of one process, in all and of each network that is no trusted proxy's."""

    def __init__(self, trusted: tuple[IPv4Network | IPv6Network, ...]) -> None:
        self._trusted = trusted
        self._networks: dict[Connection, str | None] = {}
        self._of_network: dict[str, set[Connection]] = {}
        self._by_phase: dict[Phase, dict[Connection, None]] = {phase: {} for phase in Phase}
        """Connections by phase; those whose phase began first come first."""
        self._ended = 0
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._networks)

    def admit(self, connection: Connection) -> Problem | None:
        """Add a connection, for which another one may be ended; None, or why it is refused."""
        network = untrusted_network(connection.host, self._trusted)
        beside = set() if network is None else self._of_network.get(network, set())
        if len(beside) >= CONNECTIONS_PER_NETWORK_MAX and not self._end_first(
            sorted(beside, key=_rank)
        ):
            return Unavailable("too many connections from your address; try again in a moment")
        if len(self) >= CONNECTIONS_MAX and not any(
            self._end_first(self._by_phase[phase]) for phase in Phase
        ):
            return Unavailable("too many connections; try again in a moment")
        self._networks[connection] = network
        self._by_phase[connection.phase][connection] = None
        if network is not None:
            self._of_network.setdefault(network, set()).add(connection)
        if self._timer is None:
            self._sweep_later(connection.loop)
        return None

    def move(self, connection: Connection, phase: Phase) -> None:
        """Note a connection's new phase; too many unread ones end the one that reads least."""
        if connection not in self._networks:
            connection.phase = phase
            return
        del self._by_phase[connection.phase][connection]
        connection.phase = phase
        self._by_phase[phase][connection] = None
        if phase is Phase.unread:
            self._bound_unread(connection)

    def remove(self, connection: Connection) -> None:
        """Forget a connection; does nothing if it was not admitted."""
        if connection not in self._networks:
            return
        network = self._networks.pop(connection)
        del self._by_phase[connection.phase][connection]
        if network is not None:
            beside = self._of_network[network]
            beside.discard(connection)
            if not beside:
                del self._of_network[network]

    def sweep(self, now: float) -> None:
        """Let every connection end whose peer is too slow by the loop's time `now`."""
        for connection in list(self._networks):
            connection.check(now)
        if self._ended:
            structlog.get_logger("plaudit.connections").warning("made room", ended=self._ended)
            self._ended = 0

    def _sweep_later(self, loop: asyncio.AbstractEventLoop) -> None:
        def sweep() -> None:
            self.sweep(loop.time())
            self._timer = None
            if self._networks:
                self._sweep_later(loop)

        self._timer = loop.call_later(SWEEP_S, sweep)

    def _bound_unread(self, connection: Connection) -> None:
        network = self._networks[connection]
        if network is not None:
            unread = [one for one in self._of_network[network] if one.phase is Phase.unread]
            if len(unread) > UNREAD_PER_NETWORK_MAX:
                self._end(min(unread, key=_rank))
        if len(self._by_phase[Phase.unread]) > UNREAD_MAX:
            self._end(next(iter(self._by_phase[Phase.unread])))

    def _end_first(self, connections: Iterable[Connection]) -> bool:
        """End the first of the connections that may make room; False if there is none."""
        for connection in connections:
            is_spared = connection.phase in _SPARED and connection.is_known
            if connection.phase is not Phase.serving and not is_spared:
                self._end(connection)
                return True
        return False

    def _end(self, connection: Connection) -> None:
        self.remove(connection)
        self._ended += 1
        connection.end()


def _rank(connection: Connection) -> tuple[int, float]:
    return _ORDER[connection.phase], connection.since
