"""The example of docs/quality/report.md: its file is imported, its table is what is reported."""

from __future__ import annotations

import json
import re

from plaudit.wire.manage.quality import QuestionQuality
from plaudit.wire.manage.quality_report import QualityReport
from tests.support.harness import World, run_cli, store_arguments
from tests.test_docs import ROOT

PAGE = (ROOT / "docs" / "quality" / "report.md").read_text("utf-8")


def test_the_example_of_the_report_is_what_the_command_says(settings, tmp_path):
    world = World(settings)
    world.org()
    world.close()
    at = store_arguments(settings)
    [rows] = re.findall(r"^```jsonl report\n(.*?)^```", PAGE, re.M | re.S)
    (tmp_path / "rows.jsonl").write_text(rows, "utf-8")
    run_cli("import", str(tmp_path / "rows.jsonl"), "--project", "P", *at)

    found = json.loads(run_cli("report", "--project", "P", "--json", *at).stdout)

    table = re.findall(r"^\| `([\w.]+)` \| `(.*)` \|$", PAGE, re.M)
    assert len(table) == 10
    for path, told in table:
        value = found
        for name in path.split("."):
            value = value[int(name)] if name.isdigit() else value[name]
        assert (round(value, 3) if isinstance(value, float) else value) == json.loads(told), path


def test_every_member_of_the_report_is_described():
    members = {*QualityReport.__struct_fields__, *QuestionQuality.__struct_fields__}

    assert [name for name in sorted(members) if not re.search(rf"[`.\[]{name}[`\[.]", PAGE)] == []
