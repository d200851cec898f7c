"""The last import of the process that others are forked from: what each of them would do again.

Servers import their protocol and loop only when they start, compile the patterns of their routes,
and look through every object before they leave it to itself.
"""

from __future__ import annotations

import encodings.idna  # noqa: F401 - as are the others, for the processes that are forked
import functools
import gc

import httptools  # noqa: F401
import starlette.routing
import uvicorn.lifespan.on
import uvicorn.loops.auto
import uvicorn.protocols.http.httptools_impl  # noqa: F401
import uvloop  # noqa: F401

import plaudit.api.http.protocol
import plaudit.store.engine.postgres  # noqa: F401
from plaudit.app import all_pages

compile_path = starlette.routing.compile_path = functools.cache(starlette.routing.compile_path)
for page in all_pages():
    compile_path(page.path)
gc.collect()
gc.freeze()
