"""Label Studio tasks: left and right, choices for the rest, and the configuration."""

from __future__ import annotations

import json

from tests.formats.reading import published_path
from tests.support.exports.judged_tasks import judged_task
from tests.support.exports.projects import export_judged, import_files
from tests.support.exports.round_trips import come_back
from tests.support.harness import one_engine

pytestmark = one_engine


def test_label_studio_says_left_and_right_and_chooses_for_the_rest(world, tmp_path):
    world.load([judged_task(0, "alpha", "beta"), judged_task(1, "tie"), judged_task(2, "all_bad")])

    rows = export_judged(world, tmp_path, "label-studio").rows

    assert [
        [region["value"] for one in row["annotations"] for region in one["result"]] for row in rows
    ] == [
        [{"selected": "left"}, {"selected": "right"}],
        [{"choices": ["tie"]}],
        [{"choices": ["both_bad"]}],
    ]
    assert '<Pairwise name="preference"' in (tmp_path / "out.json.config.xml").read_text()


def test_six_pairs_of_a_published_export_come_back_with_their_ties(world, tmp_path):
    config = published_path("label-studio-samples/pairwise.config.xml").read_text()
    path = published_path("label-studio-samples/pairwise.json")
    import_files(world, "label-studio", path, config=config)

    content = come_back(world, "label-studio", tmp_path)

    regions = [
        region
        for task in json.loads(content)
        for one in task["annotations"]
        for region in one["result"]
    ]
    assert len([one for one in regions if one["type"] == "pairwise"]) >= 6
