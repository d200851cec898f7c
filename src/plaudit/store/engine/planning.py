"""Settings of PostgreSQL's planner for sessions that serve requests."""

from __future__ import annotations

PLANNING = {"enable_hashjoin": "off", "enable_mergejoin": "off", "random_page_cost": "1.1"}
"""Every serving statement looks up a bounded number of rows by key. Left to itself, the planner
reads a whole table of a few ten thousand tasks for a page of a hundred, and hashes it."""
