"""Words for the entries of the audit log: what was done, to what kind of thing, by what kind."""

from __future__ import annotations

from collections.abc import Iterator

from plaudit.model.managing import ActionKind
from plaudit.texts import N_

_DONE = (
    (
        N_("invited somebody"),
        (*("invite_person", "invite_person_again", "invite_user", "create_user"),),
    ),
    (N_("accepted an invitation"), ("accept_invitation",)),
    (N_("changed somebody's role or access"), ("change_role", "change_user")),
    (N_("removed somebody"), ("remove_person",)),
    (N_("signed in"), ("sign_in",)),
    (N_("signed out"), ("sign_out", "end_session", "end_all_sessions")),
    (N_("changed the own name or password"), ("change_own_name", "change_own_password")),
    (N_("chose a language"), ("choose_language",)),
    (N_("said what somebody knows"), ("save_skills", "set_skills")),
    (N_("came by a study link"), ("enter_study",)),
    (N_("made a study link"), ("make_study", "create_study_link")),
    (N_("revoked a study link"), ("revoke_study", "revoke_study_link")),
    (N_("made a team"), ("create_team_on_page", "create_team")),
    (N_("renamed a team"), ("rename_team",)),
    (N_("put people into a team"), ("add_to_team_on_page", "add_to_team")),
    (N_("took somebody out of a team"), ("remove_from_team_on_page", "remove_from_team")),
    (
        N_("made somebody a member, or changed what they are"),
        (*("add_member_on_page", "change_member_on_page", "set_member"),),
    ),
    (N_("took a member out of the project"), ("remove_member_on_page", "remove_member")),
    (N_("changed who sees the project, or quotas"), ("save_access", "set_access")),
    (N_("handed a batch to a team"), ("hand_batch_on_page", "set_batch_team")),
    (N_("changed what a task asks of people"), ("set_requirement",)),
    (N_("created the project"), ("create_project_on_page", "create_project")),
    (N_("cloned a project"), ("clone_project_on_page", "clone_project")),
    (
        N_("changed settings of the project"),
        (
            *("save_settings", "change_project", "save_questions", "save_guidelines"),
            *("save_template", "save_import_mapping"),
        ),
    ),
    (N_("created a batch"), ("create_batch_on_page", "create_batch")),
    (N_("finalized a batch"), ("finalize_batch_on_page", "finalize_batch")),
    (N_("paused a batch"), ("pause_batch_on_page", "pause_batch")),
    (N_("resumed a batch"), ("resume_batch_on_page", "resume_batch")),
    (N_("cancelled a batch"), ("cancel_batch_on_page", "cancel_batch")),
    (N_("changed the priority of a batch"), ("prioritize_batch",)),
    (N_("changed metadata"), ("set_batch_metadata", "set_task_metadata")),
    (
        N_("added a task"),
        (*("create_task_on_page", "create_task", "create_task_by_alias", "upload_tasks"),),
    ),
    (N_("canceled a task"), ("cancel_task_on_page", "cancel_task")),
    (N_("put a task in error"), ("fail_task_on_page", "fail_task")),
    (N_("completed a task"), ("complete_task",)),
    (N_("reopened a task"), ("reopen_task_on_page", "reopen_task")),
    (N_("offered a task again"), ("offer_task_on_page", "offer_skipped_on_page", "offer_task")),
    (N_("saw the flags of a task"), ("see_flags",)),
    (N_("wrote to the managers"), ("write_to_managers",)),
    (N_("wrote to an annotator"), ("write_to_annotator", "write_on_review", "write_message")),
    (N_("read messages"), ("read_messages", "read_own_messages", "read_on_review")),
    (N_("began an action on many tasks"), ("act_on_page", "act_on_tasks")),
    (N_("undid an action on many tasks"), ("undo_on_page", "undo_task_action")),
    (N_("cancelled an action on many tasks"), ("cancel_on_page", "cancel_task_action")),
    (N_("saved or deleted a list"), ("save_view", "delete_view")),
    (N_("accepted a task"), ("accept_task", "accept_review")),
    (N_("corrected a task"), ("correct_task",)),
    (N_("sent a task back"), ("send_task_back", "send_back_review")),
    (N_("drew a sample for review, or gave it up"), ("begin_sample", "give_up_sample")),
    (N_("accepted the others of a sample"), ("accept_others",)),
    (N_("stopped accepting others, or took it back"), ("stop_accepting", "undo_accepting")),
    (N_("decided on a report"), ("confirm_report", "dismiss_report")),
    (N_("added gold"), ("add_gold_rows", "add_task_as_gold", "create_gold")),
    (N_("ended gold"), ("end_gold_on_page", "end_gold")),
    (
        N_("changed quality control"),
        (
            *("save_gold_settings", "save_rules", "set_rules", "save_qualification"),
            *("set_qualification",),
        ),
    ),
    (N_("had everybody take the test anew"), ("ask_again_on_page", "ask_again")),
    (N_("let somebody take the test anew"), ("begin_anew_on_page", "begin_anew")),
    (N_("passed the test"), ("pass_test",)),
    (N_("failed the test"), ("fail_test",)),
    (N_("crossed a rule"), ("cross_rule",)),
    (N_("saw a crossed rule"), ("see_crossing",)),
    (N_("paused somebody"), ("pause_person_on_page", "pause_person")),
    (N_("answered a pause"), ("appeal_pause",)),
    (N_("lifted a pause"), ("lift_pause_on_page", "lift_pause")),
    (N_("upheld a pause"), ("uphold_pause_on_page", "uphold_pause")),
    (N_("took submissions back"), ("take_back_submission",)),
    (N_("had quality computed"), ("compute_quality_on_page", "compute_quality")),
    (
        N_("cancelled a job"),
        (
            *("cancel_archive", "cancel_delivery", "cancel_export", "cancel_import"),
            *("cancel_quality", "cancel_quality_job", "cancel_upload"),
        ),
    ),
    (N_("uploaded a file"), ("receive_upload", "upload_attachment")),
    (N_("imported a file"), ("start_import", "create_import")),
    (N_("exported rows"), ("start_project_download", "start_delivery_download", "start_export")),
    (N_("made an archive"), ("prepare_archive",)),
    (N_("made a delivery"), ("make_delivery", "create_delivery", "create_dataset_delivery")),
    (N_("created a dataset or a schema"), ("create_dataset", "create_schema")),
    (N_("made an API key"), ("make_key", "create_key")),
    (N_("revoked an API key"), ("withdraw_key", "revoke_key")),
    (N_("added a webhook"), ("add_webhook", "create_webhook")),
    (N_("changed a webhook"), ("edit_webhook", "change_webhook")),
    (N_("paused a webhook"), ("pause_webhook", "disable_webhook")),
    (N_("resumed a webhook"), ("resume_webhook", "enable_webhook")),
    (N_("removed a webhook"), ("remove_webhook", "delete_webhook")),
    (N_("tried a webhook"), ("ping_webhook", "test_webhook")),
    (
        N_("sent webhook messages again"),
        (
            *("replay_message", "replay_failed_messages", "replay_webhook"),
            *("replay_webhook_message",),
        ),
    ),
    (
        N_("renewed or looked at a secret"),
        (
            *("rotate_secret", "rotate_callbacks", "rotate_callback_secret"),
            *("rotate_webhook_secret", "show_webhook_secrets"),
        ),
    ),
)
"""Words with the actions of the audit log that they stand for; pages and operations share some."""

MANY = {
    ActionKind.cancel: (N_("canceled tasks"), N_("brought canceled tasks back")),
    ActionKind.reopen: (N_("reopened tasks"), N_("completed reopened tasks again")),
    ActionKind.priority: (N_("set the priority of tasks"), N_("took back priorities of tasks")),
    ActionKind.batch: (N_("moved tasks to a batch"), N_("moved tasks back to their batch")),
    ActionKind.assign: (N_("gave tasks to people"), N_("took back for whom tasks are")),
    ActionKind.accept: (N_("accepted tasks after a sample"), N_("took tasks back into review")),
}
"""Words for actions on many tasks, and for their undo."""

OBJECTS = {
    "task": N_("Task"),
    "action": N_("Action"),
    "acceptance": N_("Sample"),
    "batch": N_("Batch"),
    "project": N_("Project"),
    "view": N_("List"),
    "organization": N_("Organization"),
    "user": N_("Person"),
    "team": N_("Team"),
    "member": N_("Member"),
    "study_link": N_("Study link"),
    "session": N_("Session"),
    "gold": N_("Gold task"),
    "pause": N_("Pause of a person"),
    "crossing": N_("Crossed rule"),
    "preference": N_("Settings"),
    "delivery": N_("Delivery"),
    "dataset": N_("Dataset"),
    "dataset_delivery": N_("Delivery"),
    "schema": N_("Schema"),
    "attachment": N_("File"),
    "job": N_("Job"),
    "key": N_("API key"),
    "webhook": N_("Webhook"),
    "webhook_message": N_("Webhook message"),
    "callback_secret": N_("Secret"),
}
"""Words for kinds of objects."""

ACTORS = {
    "key": N_("API key"),
    "command": N_("Command line"),
    "server": N_("The server"),
}
"""Words for who acted where it was no person."""


def _words() -> Iterator[tuple[str, str]]:
    for text, actions in _DONE:
        for action in actions:
            yield action, text
    for kind, (done, undone) in MANY.items():
        yield f"{kind}_many", done
        yield f"undo_{kind}_many", undone


WORDS = dict(_words())
"""Words for each action; an archive of another version may bring one that has none."""
OF_WORKERS = frozenset(
    (
        *("appeal_pause", "pass_test", "fail_test", "begin_anew_on_page", "begin_anew"),
        *("pause_person_on_page", "pause_person"),
    )
)
"""Actions whose entry names somebody for how well they work."""
