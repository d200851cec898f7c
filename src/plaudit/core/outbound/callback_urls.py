"""Check of callbacks: a URL, or an e-mail address if the server can send mail."""

from __future__ import annotations

from plaudit import mailbox
from plaudit.core.outbound.http_client import HttpClient
from plaudit.errors import InvalidContent
from plaudit.settings import Settings


def is_mail(callback: str) -> bool:
    """True for a callback that is written as an e-mail address, not as a URL."""
    return "@" in callback and "/" not in callback.partition("@")[0]


async def check_callback(
    text: str, *, http_client: HttpClient, settings: Settings, pointer: str = ""
) -> None:
    """Raise InvalidContent unless a callback may be saved; asks DNS, see `HttpClient.check_url`."""
    if not is_mail(text):
        await http_client.check_url(text, pointer=pointer)
        return
    try:
        mailbox.check(text)
    except ValueError as exc:
        raise InvalidContent(f"not a URL, and {exc}", pointer=pointer) from exc
    if settings.smtp_url is None:
        raise InvalidContent(
            "this server sends no mail, so a callback must be a URL; whoever runs it can set "
            "PLAUDIT_SMTP_URL",
            pointer=pointer,
        )
