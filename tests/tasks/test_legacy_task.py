"""GET /v1/task/{taskId}: the older shape of a task."""

from __future__ import annotations

from scaleapi.api_client.v2.models.v1_task_task_id_get200_response import (
    V1TaskTaskIdGet200Response,
)

from tests.support.operations import CANARY, NAMES


def test_the_client_s_model_reads_the_older_shape(client, ann):
    answer = client.get(f"/v1/task/{NAMES['task_id']}")

    read = V1TaskTaskIdGet200Response.from_json(answer.text)
    assert read is not None
    assert (read.task_id, read.type) == (NAMES["task_id"], "chat")
    assert read.params == {
        "project": NAMES["project_name"],
        "batch": NAMES["batch_name"],
        "metadata": {"a": [1, None]},
    }
    assert read.response is not None
    assert read.response.responses is not None
    (thread,) = read.response.responses
    opts = "annotation_details,attachment_details,model_parameters,submissions"
    whole = client.get("/v2/task", params={"task_id": NAMES["task_id"], "opts": opts}).json()
    assert thread == {"type": "thread", "output": whole["threads"][0]}


def test_a_task_that_is_not_completed_has_no_response(client, ann):
    for name in ("pending", "error", "reported"):
        answer = client.get(f"/v1/task/{name}_{CANARY}")
        assert answer.status_code == 200
        assert "response" not in answer.json()


def test_an_id_with_a_slash_is_found_by_its_encoded_form(world, client, ann):
    world.load([{"task_id": "a/b c", "project": NAMES["project_id"], "status": "pending"}], "v2")

    assert client.get("/v1/task/a%2Fb%20c").json()["task_id"] == "a/b c"
    assert client.get("/v1/task/a/b%20c").status_code == 404
