"""Scale's official client on the same server, for what is written against it."""

from __future__ import annotations

from typing import Any

from plaudit.client.own_libraries import own_library
from plaudit.client.transport import ServerAddress


def official_client(address: ServerAddress) -> Any:
    """`scaleapi.ScaleClient` whose v1 and v2 calls go to this server; raises ImportError."""
    client = own_library("scaleapi", "as_scaleapi").ScaleClient(
        address.key, api_instance_url=address.url
    )
    client.v2.api_client.configuration.host = address.url
    return client
