"""Result of an import: how many entries of which kind came to what."""

from __future__ import annotations

from collections import Counter

from plaudit.core.transfer import attachment_archive, dataset_import, row_import
from plaudit.errors import InvalidContent

KINDS = (
    *("organization", "project", "batch", "task", "delivery"),
    *dataset_import.KINDS,
    attachment_archive.KIND,
    *row_import.KINDS,
)
PLURALS = {
    "batch": "batches",
    "delivery": "deliveries",
    "dataset_delivery": "dataset_deliveries",
    "skills": "skills",
    "work": "work",
    "audit_entry": "audit_entries",
}
OUTCOMES = ("added", "updated", "unchanged", "rejected")


class Summary:
    """Result of an import: number of entries by kind and outcome, and of all that were read."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self.rows_read = 0

    def add(self, kind: str, outcome: str, count: int = 1) -> None:
        self.counts[kind, outcome] += count

    def require_rows(self) -> None:
        """Raise InvalidContent if there was no row to read."""
        if self.rows_read == 0:
            raise InvalidContent("nothing was imported: there is nothing to read")

    def total(self, outcome: str) -> int:
        """The number of rows of every kind with this outcome."""
        return sum(count for (_, counted), count in self.counts.items() if counted == outcome)

    def list_counts(self) -> list[tuple[str, str]]:
        """List the kinds that were read, in the plural, each with its outcomes in words."""
        listed = []
        for kind in sorted({kind for kind, _ in self.counts}, key=_rank_of_kind):
            counts_of_kind = [
                f"{self.counts[kind, outcome]} {outcome}"
                for outcome in OUTCOMES
                if self.counts[kind, outcome]
            ]
            listed.append((PLURALS.get(kind, f"{kind}s"), ", ".join(counts_of_kind)))
        return listed

    def __str__(self) -> str:
        parts = [f"{kinds}: {counts}" for kinds, counts in self.list_counts()]
        return "; ".join(parts) or "nothing to import"


def _rank_of_kind(kind: str) -> int:
    return KINDS.index(kind) if kind in KINDS else len(KINDS)
