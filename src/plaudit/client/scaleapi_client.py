"""Scale's official client on the same server, for what is written against it."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from plaudit.client.transport import ServerAddress


def official_client(address: ServerAddress) -> Any:
    """`scaleapi.ScaleClient` whose v1 and v2 calls go to this server; raises ImportError."""
    try:
        library = import_module("scaleapi")
    except ImportError as exc:
        raise ImportError("as_scaleapi needs Scale's client: pip install scaleapi") from exc
    client = library.ScaleClient(address.key, api_instance_url=address.url)
    client.v2.api_client.configuration.host = address.url
    return client
