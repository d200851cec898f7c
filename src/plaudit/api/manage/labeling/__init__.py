"""The operations on people's work: review, and messages about tasks."""

from __future__ import annotations

from plaudit.api.manage.labeling import reviews, talks

OPERATIONS = (*reviews.OPERATIONS, *talks.OPERATIONS)
