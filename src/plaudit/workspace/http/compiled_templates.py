"""Compiled templates, kept beside the code that Python compiled for the same processes.

Compiling a template holds the event loop for tens of milliseconds, reading it compiled for less
than one.
"""

import os
import sys
from contextlib import suppress
from pathlib import Path

import jinja2
from jinja2.bccache import Bucket

FOLDER = Path(__file__).parents[1] / "__pycache__"
"""Written by whoever may write the program itself, as Python's own files in it are."""


class CompiledTemplates(jinja2.FileSystemBytecodeCache):
    """Files of compiled templates, each with a checksum of the template that it was made of.

    A file that cannot be read is made anew; one that cannot be written is done without.
    """

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Write the file of one template, unless the folder or the disk does not allow it."""
        with suppress(OSError):
            super().dump_bytecode(bucket)

    def load_bytecode(self, bucket: Bucket) -> None:
        """Read the file of one template; the bucket stays empty if there is none to be read."""
        with suppress(OSError):
            super().load_bytecode(bucket)


def compiled_templates(folder: Path = FOLDER) -> CompiledTemplates | None:
    """Return the files in a folder; None where Python writes no such files either."""
    if sys.dont_write_bytecode:
        return None
    with suppress(OSError):
        folder.mkdir(exist_ok=True)
        if os.access(folder, os.W_OK):
            return CompiledTemplates(str(folder))
    return None
