"""Consistency checks of the store: statements, each with a query that counts violations.

Tables that a cluster distributes by different columns are joined through a materialized copy,
because Citus refuses to join them directly.
"""

from __future__ import annotations

from plaudit.store.engine.engine import Database

CHECKS: dict[str, str] = {
    "every task can be found by its id": (
        "WITH l AS MATERIALIZED (SELECT task_id, project_key, seq FROM task_locator)"
        " SELECT COUNT(*) FROM task AS t LEFT JOIN l ON l.task_id = t.task_id"
        " AND l.project_key = t.project_key AND l.seq = t.seq"
        " WHERE l.seq IS NULL AND t.project_key > 0"  # control tasks are found by no id
    ),
    "every id leads to a task": (
        "WITH t AS MATERIALIZED (SELECT project_key, seq, task_id FROM task)"
        " SELECT COUNT(*) FROM task_locator AS l LEFT JOIN t ON t.project_key = l.project_key"
        " AND t.seq = l.seq AND t.task_id = l.task_id WHERE t.seq IS NULL"
    ),
    "only completed tasks have threads": (
        "SELECT COUNT(*) FROM task_body AS b LEFT JOIN task AS t"
        " ON t.project_key = b.project_key AND t.seq = b.seq WHERE t.seq IS NULL OR t.status <> 1"
    ),
    "completed tasks, and no others, have a time of completion": (
        "SELECT COUNT(*) FROM task WHERE (status = 1) <> (completed_ms IS NOT NULL)"
    ),
    "no completion lies beyond its project's clock": (
        "SELECT COUNT(*) FROM task AS t JOIN project_clock AS c ON c.project_key = t.project_key"
        " WHERE t.completed_ms > c.last_ms"
    ),
    "no task lies beyond its project's sequence": (
        "SELECT COUNT(*) FROM task AS t JOIN project_sequence AS s ON s.project_key = t.project_key"
        " WHERE t.seq >= s.next_seq"
    ),
    "each batch counts its tasks": (
        "SELECT COUNT(*) FROM batch_progress AS p"
        " WHERE p.pending <> (SELECT COUNT(*) FROM task AS t"
        " WHERE t.project_key = p.project_key AND t.batch_id = p.batch_id AND t.status = 0)"
        " OR p.completed <> (SELECT COUNT(*) FROM task AS t"
        " WHERE t.project_key = p.project_key AND t.batch_id = p.batch_id AND t.status = 1)"
        " OR p.canceled <> (SELECT COUNT(*) FROM task AS t"
        " WHERE t.project_key = p.project_key AND t.batch_id = p.batch_id AND t.status = 2)"
        " OR p.error <> (SELECT COUNT(*) FROM task AS t"
        " WHERE t.project_key = p.project_key AND t.batch_id = p.batch_id AND t.status = 3)"
    ),
    "only pending tasks are in the queue": (
        "SELECT COUNT(*) FROM task_work AS w LEFT JOIN task AS t"
        " ON t.project_key = w.project_key AND t.seq = w.seq WHERE t.seq IS NULL OR t.status <> 0"
    ),
    "a task in the queue counts its submissions and leases": (
        "SELECT COUNT(*) FROM task_work AS w WHERE w.submitted_count <> (SELECT COUNT(*)"
        " FROM submission AS s WHERE s.project_key = w.project_key AND s.seq = w.seq"
        " AND s.is_current = 1) OR w.open_count <> (SELECT COUNT(*) FROM assignment AS a"
        " WHERE a.project_key = w.project_key AND a.seq = w.seq AND a.ended_ms IS NULL)"
        " OR (w.submitted_count + w.open_count > w.needed AND w.is_undecided = 0)"
    ),
    "the tasks in review are those that are listed for reviewers": (
        "SELECT COUNT(*) FROM (SELECT project_key, seq FROM task_work WHERE state = 'in_review'"
        " EXCEPT SELECT project_key, seq FROM review_order WHERE question_key = ''"
        " AND user_id = '') AS missing"
    ),
    "what is listed for reviewers is in review": (
        "SELECT COUNT(*) FROM review_order AS o LEFT JOIN task_work AS w"
        " ON w.project_key = o.project_key AND w.seq = o.seq AND w.state = 'in_review'"
        " WHERE w.seq IS NULL"
    ),
    "a task in the queue says that somebody skipped it exactly if somebody has": (
        "SELECT COUNT(*) FROM task_work AS w WHERE w.is_skipped <> (SELECT COUNT(*) FROM"
        " (SELECT 1 FROM assignment AS a WHERE a.project_key = w.project_key AND a.seq = w.seq"
        " AND a.status = 'skipped' LIMIT 1) AS found)"
    ),
    "every flagged task is a task": (
        "SELECT COUNT(*) FROM task_flag AS f LEFT JOIN task AS t"
        " ON t.project_key = f.project_key AND t.seq = f.seq WHERE t.seq IS NULL"
    ),
    "nobody holds a task that is not in the queue": (
        "SELECT COUNT(*) FROM assignment AS a LEFT JOIN task_work AS w"
        " ON w.project_key = a.project_key AND w.seq = a.seq"
        " WHERE a.ended_ms IS NULL AND w.seq IS NULL"
    ),
    "what counts was submitted by somebody who has submitted": (
        "SELECT COUNT(*) FROM submission AS s LEFT JOIN assignment AS a"
        " ON a.project_key = s.project_key AND a.assignment_id = s.assignment_id"
        " WHERE s.is_current = 1 AND (a.seq IS NULL OR a.status <> 'submitted')"
    ),
    "every vote is part of a submission that counts, or of threads": (
        "SELECT COUNT(*) FROM vote AS v LEFT JOIN submission AS s ON s.project_key = v.project_key"
        " AND s.seq = v.seq AND s.user_id = v.contributor_id AND s.is_current = 1"
        " WHERE v.is_imported = 0 AND (s.seq IS NULL OR v.submitted_ms <> s.submitted_ms"
        " OR v.active_ms <> s.active_ms"
        " OR COALESCE(v.form_version, '') <> COALESCE(s.form_version, ''))"
    ),
    "votes of threads count on tasks without submissions alone, and are marked": (
        "SELECT COUNT(*) FROM vote AS v WHERE v.is_imported = 1 AND (EXISTS (SELECT 1"
        " FROM submission AS s WHERE s.project_key = v.project_key AND s.seq = v.seq"
        " AND s.is_current = 1) OR NOT EXISTS (SELECT 1 FROM voted_threads AS t"
        " WHERE t.project_key = v.project_key AND t.seq = v.seq) OR NOT EXISTS (SELECT 1"
        " FROM task_body AS b WHERE b.project_key = v.project_key AND b.seq = v.seq))"
    ),
    "each submission that counts, and has an answer, has votes": (
        "SELECT COUNT(*) FROM submission AS s WHERE s.is_current = 1 AND s.change_no IS NOT NULL"
        " AND LENGTH(s.answers) > 2 AND NOT EXISTS (SELECT 1 FROM vote AS v"
        " WHERE v.project_key = s.project_key AND v.seq = s.seq AND v.contributor_id = s.user_id)"
    ),
    "no change of votes lies beyond its project's last number": (
        "SELECT COUNT(*) FROM submission AS s WHERE s.change_no > 0 AND s.change_no >"
        " (SELECT COALESCE(MAX(c.last_no), 0) FROM vote_clock AS c"
        " WHERE c.project_key = s.project_key)"
    ),
    "each delivery counts its tasks": (
        "WITH d AS MATERIALIZED (SELECT project_key, delivery_seq, COUNT(*) AS n FROM"
        " delivered_task"
        " GROUP BY project_key, delivery_seq) SELECT COUNT(*) FROM delivery AS v LEFT JOIN d"
        " ON d.project_key = v.project_key AND d.delivery_seq = v.delivery_seq"
        " WHERE v.delivered_ms IS NOT NULL AND COALESCE(d.n, 0) <> v.task_count"
    ),
    "every delivered task belongs to a delivery": (
        "SELECT COUNT(*) FROM delivered_task AS d LEFT JOIN delivery AS v"
        " ON v.project_key = d.project_key AND v.delivery_seq = d.delivery_seq WHERE"
        " v.delivery_seq IS NULL"
    ),
    "every delivered task is kept as it was delivered": (
        "SELECT COUNT(*) FROM delivered_task AS d LEFT JOIN frozen_task AS f"
        " ON f.project_key = d.project_key AND f.seq = d.seq AND f.digest = d.digest"
        " WHERE f.seq IS NULL"
    ),
    "every delivered task is a task": (
        "SELECT COUNT(*) FROM delivered_task AS d LEFT JOIN task AS t"
        " ON t.project_key = d.project_key AND t.seq = d.seq WHERE t.seq IS NULL"
    ),
    "a delivery has the hash of its manifest exactly if it is made": (
        "SELECT COUNT(*) FROM delivery WHERE (delivered_ms IS NULL) <> (manifest_hash IS NULL)"
    ),
    "every reserved unique_id names a task": (
        "WITH l AS MATERIALIZED (SELECT task_id, environment_id, seq FROM task_locator)"
        " SELECT COUNT(*) FROM reserved_unique_id AS u LEFT JOIN l"
        " ON l.task_id = u.task_id AND l.environment_id = u.environment_id WHERE l.seq IS NULL"
    ),
    "every dataset task can be found by its id": (
        "WITH l AS MATERIALIZED (SELECT task_id, dataset_key, seq FROM dataset_task_locator)"
        " SELECT COUNT(*) FROM dataset_task AS t LEFT JOIN l ON l.task_id = t.task_id"
        " AND l.dataset_key = t.dataset_key AND l.seq = t.seq WHERE l.seq IS NULL"
    ),
    "each delivery of a dataset counts its tasks": (
        "WITH t AS MATERIALIZED (SELECT dataset_key, delivery_id, COUNT(*) AS count"
        " FROM dataset_task GROUP BY dataset_key, delivery_id)"
        " SELECT COUNT(*) FROM dataset_delivery AS d LEFT JOIN t ON t.dataset_key = d.dataset_key"
        " AND t.delivery_id = d.delivery_id WHERE d.task_count <> COALESCE(t.count, 0)"
    ),
}


async def violations(db: Database) -> dict[str, int]:
    """Number of violating rows by statement; empty if all hold. Reads every table."""
    counts = {}
    for statement, sql in CHECKS.items():
        async with db.read() as tx:
            row = await tx.one(sql, {})
        if row is not None and row[0]:
            counts[statement] = int(row[0])
    return counts
