"""Entry point of the command line: the table of commands, and failures as exit codes.

Exit code 0 is done, 1 is refused with one line on standard error, 2 is wrong usage. A command's
module is imported when the command runs, so that `plaudit --help` does not wait for the server.
"""

from __future__ import annotations

import os
import sys

import cyclopts
from cyclopts import App

import plaudit
from plaudit.cli.terminal import refuse
from plaudit.errors import InvalidContent, Problem

COMMANDS = (
    ("keys", "plaudit.cli.keys:keys",
     "API keys of an organization."),
    ("db", "plaudit.cli.database:db",
     "The store: upgrade, check, backup, restore, sweep, distribute."),
    ("projects", "plaudit.cli.projects:projects",
     "Projects of an organization."),
    ("users", "plaudit.cli.users:users",
     "People of an organization."),
    ("webhooks", "plaudit.cli.webhooks:webhooks",
     "Webhook endpoints and callbacks of an organization."),
    ("import", "plaudit.cli.import_files:import_files",
     "Import tasks. Importing the same file again changes nothing."),
    ("export", "plaudit.cli.export:export_tasks",
     "Write judged tasks of a project to a file, and a manifest beside it."),
    ("report", "plaudit.cli.report:report",
     "Report how well people agree, how sure that is, and which model wins."),
    ("archive", "plaudit.cli.archive:write_archive",
     "Write everything of an organization to one file."),
    ("pull", "plaudit.cli.pull:pull_tasks",
     "Copy all that another server of the v2 API shows into a file or the store.\n\n"
     "What is interrupted goes on where it was, with the same command."),
    ("push", "plaudit.cli.push:push_tasks",
     "Create the pending tasks of a file on another server of the v2 API, each of them once.\n\n"
     "What is interrupted goes on where it was, with the same command."),
    ("deliver", "plaudit.cli.deliver:deliver",
     "Freeze completed tasks of a project under a name. What was delivered never changes.\n\n"
     "A run that was interrupted leaves nothing visible; run it again, and it begins anew."),
    ("init", "plaudit.cli.init:init",
     "Create the store, or bring it up to date. Running it again does no harm."),
    ("serve", "plaudit.cli.serve:serve",
     "Run the server. It listens on loopback unless told otherwise."),
    ("worker", "plaudit.cli.serve:work",
     "Send callbacks and forget what is old, without serving; beside serve --no-worker."),
    ("demo", "plaudit.cli.serve:demo",
     "Run a server with sample data in a throw-away folder."),
)  # fmt: skip
"""Name, import path and help of each command.

The help stands here because `plaudit --help` shows it without importing the command. That of a
function is the beginning of its docstring again; a group has no other.
"""

# Plain text, because help as Markdown loads a parser of it and a highlighter of code.
app = App(
    name="plaudit", help=plaudit.__doc__, version=plaudit.__version__, help_format="plaintext"
)
for name, import_path, description in COMMANDS:
    app.command(import_path, name=name, help=description)


def main() -> None:
    """Run the command line and exit."""
    if any("\udc80" <= char <= "\udcff" for argument in sys.argv for char in argument):
        refuse("the arguments are not valid UTF-8")
    try:
        app(exit_on_error=False, print_error=True)
    except cyclopts.CycloptsError:
        sys.exit(2)
    except Problem as problem:
        pointer = f"{problem.pointer}: " if isinstance(problem, InvalidContent) else ""
        reason = f" ({problem.detail})" if problem.detail else ""
        refuse((pointer if pointer != ": " else "") + problem.message + reason)
    except OSError as exc:
        if exc.filename is None:  # not about a file, so not for the operator to mend
            raise
        refuse(f"{os.fsdecode(exc.filename)}: {exc.strerror}")
    except KeyboardInterrupt:
        sys.exit(130)
