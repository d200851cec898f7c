"""Property tests of statistics: an example may take as long as a busy machine needs for it."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")
