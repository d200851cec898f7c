"""Files that are uploaded, and the links to them."""

from __future__ import annotations

from typing import Any

TEXT = bytes(range(256)) * 4


def upload(client, body: bytes = TEXT, name: str = "a.bin", kind: str = "text/plain") -> Any:
    """What an upload is answered with."""
    answer = client.post(
        "/manage/v1/attachments", params={"name": name}, content=body,
        headers={"Content-Type": kind},
    )  # fmt: skip
    assert answer.status_code == 200, answer.text
    return answer.json()


def link_of(client, attachment: Any) -> str:
    """A fresh link to an upload."""
    answer = client.get(f"/manage/v1/attachments/{attachment['id']}", follow_redirects=False)
    assert answer.status_code == 302
    return answer.headers["location"]
