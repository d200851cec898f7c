"""Requests of every page: its path, and what a page that changes something is sent."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

from plaudit import app
from plaudit.workspace.http.page import Page

PAGES = app.all_pages()
CHANGING = [page for page in PAGES if page.changes]
FIELDS: dict[str, dict[str, Any]] = {
    "sign_in": {"email": "x@example.com", "password": "x"},
    "look_at_invitation": {"token": "x"},
    "accept_invitation": {"token": "x", "password": "x"},
    "choose_language": {"language": "de"},
    "sign_out": {},
    "change_own_name": {"name": "Changed"},
    "change_own_password": {"old_password": "x", "new_password": "y"},
    "end_session": {},
    "end_all_sessions": {},
    "invite_person": {"email": "somebody@example.com", "role": "annotator"},
    "invite_person_again": {},
    "change_role": {"role": "reviewer"},
    "remove_person": {},
    "enter_study": {"participant": "x"},
    "create_team_on_page": {"name": "New"},
    "add_to_team_on_page": {"login": "x@example.com"},
    "remove_from_team_on_page": {},
    "save_skills": {"login": "x@example.com", "languages": "es"},
    "add_member_on_page": {"who": "x@example.com", "role": "annotator"},
    "save_access": {"tasks_per_day": "5"},
    "hand_batch_on_page": {"batch_id": "x"},
    "change_member_on_page": {"role": "annotator"},
    "remove_member_on_page": {},
    "make_study": {
        "name": "x",
        "tasks": "1",
        "people_max": "1",
        "days": "1",
        "completion_code": "x",
    },
    "revoke_study": {},
    "claim_task": {},
    "resume_task": {},
    "reopen_task": {},
    "save_draft": {"lease_version": 1, "revision": 1, "answers": [], "active_ms": 0},
    "send_heartbeat": {"lease_version": 1, "active_ms": 0},
    "submit_answers": {"lease_version": 1, "answers": [], "client_key": "k", "active_ms": 0},
    "undo_submission": {},
    "skip_task": {"lease_version": 1, "reason": "x"},
    "flag_task": {"lease_version": 1, "reason": "x"},
    "report_task": {"lease_version": 1, "reason": "x"},
    "release_task": {"lease_version": 1},
    "preview_text": {"text": "x"},
    "accept_task": {"revision": "x", "fixes": []},
    "correct_task": {"revision": "x", "fixes": []},
    "write_on_review": {"text": "x"},
    "read_on_review": {"until": "1"},
    "send_task_back": {"revision": "x", "user_id": "x", "comment": "x"},
    "confirm_report": {},
    "begin_sample": {"sample_count": "1"},
    "accept_others": {},
    "stop_accepting": {},
    "give_up_sample": {},
    "undo_accepting": {},
    "dismiss_report": {},
    "create_project_on_page": {"name": "New", "form": "SFT"},
    "clone_project_on_page": {"name": "Like it"},
    "save_settings": {"name": "Changed"},
    "save_guidelines": {"guidelines": "x"},
    "preview_guidelines": {"text": "x"},
    "save_template": {"template": "{}"},
    "preview_template": {"template": "{}", "variables": "{}"},
    "save_questions": {"form": "{}"},
    "preview_questions": {"form": {}, "responses": 2},
    "create_task_on_page": {"prompt": "Why?"},
    "create_batch_on_page": {"name": "New"},
    "prioritize_batch": {"priority": "1"},
    "finalize_batch_on_page": {},
    "pause_batch_on_page": {},
    "resume_batch_on_page": {},
    "cancel_batch_on_page": {},
    "cancel_task_on_page": {},
    "fail_task_on_page": {"message": "x"},
    "reopen_task_on_page": {},
    "save_view": {"name": "New"},
    "delete_view": {},
    "act_on_page": {"action": "cancel", "task": "absent"},
    "undo_on_page": {},
    "cancel_on_page": {},
    "write_to_managers": {"text": "x"},
    "read_own_messages": {"until": "1"},
    "write_to_annotator": {"text": "x"},
    "read_messages": {"until": "1"},
    "see_flags": {"until": "1"},
    "appeal_pause": {"text": "x"},
    "save_qualification": {"test": "3"},
    "ask_again_on_page": {},
    "begin_anew_on_page": {},
    "save_rules": {"collector": "gold", "threshold": "70", "action": "note", "n": ""},
    "see_crossing": {},
    "pause_person_on_page": {"user_id": "user_x", "reason": "x"},
    "lift_pause_on_page": {"answer": "x"},
    "uphold_pause_on_page": {"answer": "x"},
    "offer_task_on_page": {},
    "offer_skipped_on_page": {"after": "0"},
    "save_gold_settings": {"rate": "5", "feedback": "off", "repeat_rate": "0"},
    "add_gold_rows": {"rows": "x"},
    "end_gold_on_page": {},
    "add_task_as_gold": {"chosen": "0", "value": "x", "tolerance": ""},
    "make_key": {"mode": "live", "role": "read"},
    "withdraw_key": {"mode": "live"},
    "add_webhook": {"url": "https://93.184.215.14/hook", "every": "yes"},
    "edit_webhook": {"url": "https://93.184.215.14/hook", "every": "yes"},
    "pause_webhook": {},
    "resume_webhook": {},
    "remove_webhook": {},
    "ping_webhook": {},
    "rotate_secret": {"keep_old_s": "0"},
    "rotate_callbacks": {"keep_old_s": "0"},
    "replay_message": {},
    "replay_failed_messages": {},
    "receive_upload": {"name": "x.jsonl"},
    "prepare_archive": {"compression": "none"},
    "make_delivery": {"name": "First"},
    "start_project_download": {"format": "trl-preference"},
    "preview_project_download": {"format": "trl-preference"},
    "start_delivery_download": {"format": "trl-preference"},
    "preview_delivery_download": {"format": "trl-preference"},
    "cancel_export": {},
    "cancel_import": {},
    "cancel_upload": {},
    "preview_import": {"format": "v2"},
    "start_import": {"format": "v2", "project": "x"},
    "cancel_archive": {},
    "cancel_delivery": {},
    "compute_quality_on_page": {},
    "cancel_quality": {},
}
"""What each page that changes something takes; a new one fails by name until it is told."""


def path_of(page: Page, part: str = "absent") -> str:
    return re.sub(r"{\w+}", part, page.path)


def send(browser, page: Page, **headers: str):
    """Send what a page takes, as its own form or script does."""
    fields = FIELDS[page.page_id]
    if page.streams is not None:
        return browser.upload(f"{path_of(page)}?{urlencode(fields)}", b"{}\n", **headers)
    if page.body is not None:
        return browser.send(path_of(page), fields, **headers)
    return browser.post(path_of(page), fields, **headers)
