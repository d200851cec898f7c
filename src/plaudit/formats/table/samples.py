"""Small sample files, invented, that people can download to begin with."""

from __future__ import annotations

from collections.abc import Mapping

_CSV = """\
prompt,answer_a,answer_b,model_a,model_b,better,rater
What is the capital of Kenya?,Nairobi.,"Mombasa, on the coast.",small,large,a,ann
"Name a prime above 10, and say why.",11: it has no divisor but 1 and itself.,12.,large,small,a,ann
Is 51 prime?,"No, 51 = 3 × 17.",No.,large,small,tie,ben
"""

_JSONL = """\
{"messages":[{"role":"user","content":"What is the capital of Kenya?"}],"chosen":\
{"role":"assistant","content":"Nairobi."},"rejected":{"role":"assistant","content":"Mombasa."}}
{"messages":[{"role":"user","content":"Name a prime above 10."}],"chosen":\
{"role":"assistant","content":"11"},"rejected":{"role":"assistant","content":"12"}}
"""

FILES: Mapping[str, tuple[str, str]] = {
    "sample.csv": ("text/csv", _CSV),
    "sample.jsonl": ("application/x-ndjson", _JSONL),
}
"""Media type and content by file name."""
