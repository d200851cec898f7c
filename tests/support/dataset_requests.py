"""Requests that make datasets and deliver tasks into them, and the check of their refusals."""

from __future__ import annotations

import base64
from typing import Any

from tests.support.builders import make_thread
from tests.support.operations import assert_is_error

DELIVERIES = "/manage/v1/datasets/{}/deliveries"


def content(text: bytes) -> str:
    """Bytes as `content` of a file: base64."""
    return base64.b64encode(text).decode()


def make_dataset(client, name: str = "Oceans") -> str:
    """Create a dataset over HTTP; return its id."""
    answer = client.post("/manage/v1/datasets", json={"name": name})
    assert answer.status_code == 200, answer.text
    return answer.json()["id"]


def deliver(client, dataset: str, name: str = "January", tasks: Any = 3, **kwargs: Any) -> Any:
    """Deliver tasks, or so many small ones, over HTTP; return the answer."""
    if isinstance(tasks, int):
        tasks = [
            {"task_id": f"{name}/{number}", "response": {"threads": [make_thread()], "n": number}}
            for number in range(tasks)
        ]
    url = DELIVERIES.format(dataset)
    return client.post(url, json={"name": name, "tasks": tasks}, **kwargs)


def assert_refused(answer: Any, status: int, pointer: str | None = None) -> None:
    """Assert that an answer is a problem of this status with this pointer."""
    assert_is_error(status, answer.headers, answer.json())
    assert answer.json().get("pointer") == pointer
