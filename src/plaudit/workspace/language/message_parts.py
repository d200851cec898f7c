"""Parts of messages that are words too: the kind of a value, the kind of a row, what a file is.

A message is recognized by its pattern (`problem_texts`); where one of its values is a part that
stands here, it is said in the page's language as well. The catalogue has them under the context
"part".
"""

from __future__ import annotations

CONTEXT = "part"

DECIDING = {"description", "unit", "whose", "sentence"}
"""Values that are always parts, or messages: where one is none, the message is another."""

JOINED = {"expected", "found"}
"""Values that may be several parts with "or" or "and" between them."""

WORDED = {"batch_status", "status"}
"""Values that are words of the API (`words`)."""

TYPED = {"expected_type", "type"}
"""Values that are names of types as msgspec has them, perhaps several with " | " between them."""

TYPES = {
    "str": "a text",
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}
"""Parts for the names of types."""

PARTS = (
    # Kinds of values, of JSON and of a mapping
    *("an object", "a list", "a text", "a number", "an integer", "true or false", "null"),
    *("a table of members", "none of them"),
    # Files that hold no rows (formats/containers/detection.py)
    "an OpenDocument file; save it as XLSX or CSV",
    "a ZIP archive; unpack it first",
    "compressed with bzip2; plain text, gzip and zstd are read",
    "compressed with xz; plain text, gzip and zstd are read",
    "a tar archive; unpack it first",
    "compressed twice; decompress it once",
    "an SQLite database, which 'plaudit db restore' may take",
    "an old Excel file (XLS); save it as XLSX or CSV",
    "an Arrow, Avro or ORC file; write it as Parquet or JSON lines",
    "a document or an image, not rows",
    "not UTF-8 but UTF-16 or UTF-32",
    "a page or XML, not rows",
    "no text",
    # Answers that everybody gave (core/quality/agreement)
    *("an answer", "nothing", "one label", "first", "second"),
    # Jobs (core/transfer/jobs.py)
    *("an upload", "an import", "an archive", "a delivery", "an export", "a report on quality"),
    "an action on many tasks",
    # Containers, and what their rows are counted in
    *("row", "line"),
    *("a JSON array", "a JSON object", "JSON lines"),
    # Names that look like another one (core/common/look_alikes.py), and who asks too often
    *("the name of another project", "the name of another dataset", "somebody's e-mail address"),
    *("the name of another organization", "this API key", "this organization"),
    # What a pattern of a mapping must not have (formats/table/patterns.py)
    *("a group that is referred to", "a condition", "looking ahead or behind"),
    # Rows of archives (core/transfer/import_summary.py)
    *("a user", "a team", "a team member", "a skills", "a member", "a batch team"),
    *("a requirement", "a work", "a lease", "a submission", "a note", "a review"),
    *("an endpoint", "an event", "a message", "an audit entry"),
    *("organization", "project", "batch", "task", "delivery", "schema", "dataset"),
    *("dataset delivery", "dataset task", "attachment", "user", "team", "team member"),
    *("skills", "member", "batch team", "requirement", "work", "lease", "submission", "note"),
    *("review", "endpoint", "event", "message", "audit entry"),
)

MESSAGES = (
    # Reasons of exports with the rule of a format (api/transfer/export_choices.py)
    "cannot be written: %(reason)s",
    # A flag of a person with the question that it is about (core/quality/people)
    "%(key)s: %(sentence)s",
    # msgspec, as wire/v2/parse.py hands them on: a value of another type than is expected
    "expected '%(expected_type)s', got '%(type)s'",
    "expected '%(expected_type)s', got '%(type)s'; accepted: %(accepted)s",
    "expected 'array' of length %(count)s",
    "expected 'array' of length %(count)s, got %(length)s",
    "expected 'array' of at least length %(count)s, got %(length)s",
    "expected 'array' of at most length %(count)s, got %(length)s",
    "expected 'array' of length %(least)s to %(most)s, got %(length)s",
    "expected '%(expected_type)s' of length >= %(count)s",
    "expected '%(expected_type)s' of length <= %(count)s",
    "expected '%(expected_type)s' >= %(number)s",
    "expected '%(expected_type)s' <= %(number)s",
    "expected 'str' matching regex %(regex)s",
    "invalid enum value %(value)s",
    "invalid enum value %(value)s; accepted: %(accepted)s",
    "invalid value %(value)s",
    "object contains unknown field '%(field)s'",
    "object missing required field '%(field)s'",
    "object keys must be strings",
    "integer value out of range",
    "number out of range",
    "invalid base64 encoded string",
    "invalid RFC3339 encoded datetime",
    "invalid RFC3339 encoded date",
    "invalid RFC3339 encoded time",
    # tomllib, of a mapping
    "%(sentence)s (at line %(line)s, column %(column)s)",
    "%(sentence)s (at end of document)",
    "Cannot declare %(key)s twice",
    "Cannot mutate immutable namespace %(key)s",
    "Cannot overwrite a value",
    "Cannot redefine namespace %(key)s",
    "Duplicate inline table key %(key)s",
    "Escaped character is not a Unicode scalar value",
    "Expected '=' after a key in a key/value pair",
    "Expected ']' at the end of a table declaration",
    "Expected ']]' at the end of an array declaration",
    "Expected newline or end of document after a statement",
    "Expected %(text)s",
    "Found invalid character %(character)s",
    "Illegal character %(character)s",
    "Invalid date or datetime",
    "Invalid hex value",
    "Invalid initial character for a key part",
    "Invalid statement",
    "Invalid value",
    "Unclosed array",
    "Unclosed inline table",
    "Unescaped '\\' in a string",
    "Unterminated string",
    # msgspec, as json_guard.py hands them on: text that is no JSON
    "invalid character (byte %(number)s)",
    "invalid number (byte %(number)s)",
    "invalid utf-16 surrogate pair (byte %(number)s)",
    "invalid escaped character (byte %(number)s)",
    "invalid escape character in string (byte %(number)s)",
    "invalid character in unicode escape (byte %(number)s)",
    "expected ',' or ']' (byte %(number)s)",
    "expected ',' or '}' (byte %(number)s)",
    "expected '\"' (byte %(number)s)",
    "expected ':' (byte %(number)s)",
    "trailing comma in array (byte %(number)s)",
    "trailing comma in object (byte %(number)s)",
    "trailing characters (byte %(number)s)",
    "object keys must be strings (byte %(number)s)",
)
"""Messages that nothing raises as they stand here, as patterns under the context of problems:
those of libraries, and those that are put together."""
