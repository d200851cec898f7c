"""Settings of PostgreSQL's planner for sessions that serve requests, do jobs or run commands."""

from __future__ import annotations

PLANNING = {"enable_hashjoin": "off", "enable_mergejoin": "off", "random_page_cost": "1.1"}
"""Every statement of theirs looks up a bounded number of rows by key. Left to itself, the planner
reads a whole table of a few ten thousand tasks for a page of a hundred and hashes it, or merges two
from their beginning for each page. Whoever reads whole tables, such as `plaudit db check`, is
without them."""
