"""Client of any server of the v2 API: `from plaudit.client import Client, AsyncClient`."""

from __future__ import annotations

from plaudit.client.async_client import AsyncClient
from plaudit.client.client import Client
from plaudit.client.client_error import ClientError
from plaudit.client.exchange import RetryPolicy

__all__ = ["AsyncClient", "Client", "ClientError", "RetryPolicy"]
