"""Assemble the ASGI application and run the server."""

from __future__ import annotations

import asyncio
import errno
import gc
import re
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, NoReturn

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp

from plaudit import logs
from plaudit import settings as limits
from plaudit.api import attachments, system
from plaudit.api.http import allocator, replica_reads
from plaudit.api.http.metrics import Metrics
from plaudit.api.http.middleware import Edge
from plaudit.api.http.operation import Dispatch, Endpoint, Operation, Services
from plaudit.api.http.stall_meter import StallMeter
from plaudit.api.manage import (
    api_keys,
    audit,
    datasets,
    deliveries,
    exports,
    gold,
    imports,
    labeling,
    partitions,
    projects,
    qualification,
    quality,
    rules,
    staffing,
    study_links,
    task_lists,
    tasks,
    teams,
    users,
    webhook_endpoints,
    webhook_messages,
)
from plaudit.api.openapi import document
from plaudit.api.v2 import (
    datasets as v2_datasets,
)
from plaudit.api.v2 import (
    deliveries as v2_deliveries,
)
from plaudit.api.v2 import (
    legacy_task,
    reads,
    writes,
)
from plaudit.core.common import server_secret
from plaudit.core.common.server_secret import ServerSecret
from plaudit.errors import Misconfigured
from plaudit.page_builder import POLL_S, PageFileBuilder
from plaudit.settings import Settings
from plaudit.store.engine import connect, disk_space
from plaudit.store.engine.sqlite import SqliteDatabase
from plaudit.store.page_files.places import page_files_of
from plaudit.worker import STOP_S, Worker
from plaudit.workspace.accounts import (
    account_pages,
    api_key_pages,
    sign_in_pages,
    study_pages,
    team_pages,
    user_pages,
)
from plaudit.workspace.annotate import (
    annotation_calls,
    annotation_pages,
    files,
    own_message_pages,
    preview_pages,
)
from plaudit.workspace.http import links
from plaudit.workspace.http.page import Page
from plaudit.workspace.http.serving import Workspace
from plaudit.workspace.projects import (
    action_pages,
    attention_pages,
    batch_pages,
    clone_pages,
    form_pages,
    history_pages,
    member_pages,
    new_task_pages,
    palette_page,
    project_pages,
    settings_pages,
    start_page,
    styleguide_page,
    talk_pages,
    task_list_pages,
    task_pages,
    waiting_pages,
)
from plaudit.workspace.quality import overview_pages, own_pages, people_pages, quality_pages
from plaudit.workspace.quality_control import (
    feedback_pages,
    gold_pages,
    qualification_pages,
    rule_pages,
)
from plaudit.workspace.review import acceptance_pages, review_calls, review_lists, review_pages
from plaudit.workspace.transfer import (
    archive_pages,
    delivery_pages,
    download_files,
    download_pages,
    import_pages,
    upload_pages,
)
from plaudit.workspace.webhooks import (
    endpoint_pages,
    message_pages,
)

SWITCH_S = 0.0005
"""Seconds after which a thread that computes lets another one run.

With Python's 5 ms the store's writer waits as long for the event loop after each of its statements:
a write took twice to three times as long beside a busy loop, which is no slower for it.
"""


def all_operations(settings: Settings, metrics: Metrics) -> tuple[Operation, ...]:
    """All API operations of the server, those of the v2 API first."""
    operations: list[Operation] = [*reads.OPERATIONS, *writes.OPERATIONS, *legacy_task.OPERATIONS]
    operations += [*v2_deliveries.OPERATIONS, *v2_datasets.OPERATIONS]
    operations += [*datasets.OPERATIONS, *attachments.OPERATIONS]
    for module in (
        *(projects, qualification, rules, tasks, task_lists, labeling, quality, imports, exports),
        *(partitions, users, teams, staffing, study_links, api_keys, audit),
    ):
        operations += module.OPERATIONS
    operations += [*deliveries.OPERATIONS, *gold.OPERATIONS]
    operations += [*webhook_endpoints.OPERATIONS, *webhook_messages.OPERATIONS]
    operations += system.operations(lambda: document.document(operations, settings), metrics)
    return tuple(operations)


def all_pages() -> tuple[Page, ...]:
    """All pages of the workspace."""
    pages: list[Page] = []
    for module in (
        *(
            start_page,
            sign_in_pages,
            account_pages,
            user_pages,
            study_pages,
            team_pages,
            annotation_pages,
            annotation_calls,
            own_message_pages,
            preview_pages,
            files,
        ),
        *(review_pages, review_lists, review_calls, acceptance_pages, feedback_pages, gold_pages),
        qualification_pages,
        *(project_pages, settings_pages, form_pages, batch_pages, task_list_pages, task_pages),
        *(action_pages, new_task_pages, attention_pages, talk_pages, waiting_pages, clone_pages),
        history_pages,
        styleguide_page,
        *(rule_pages, member_pages),
        palette_page,
        *(overview_pages, quality_pages, people_pages, own_pages),
        *(
            api_key_pages,
            message_pages,
            endpoint_pages,
            upload_pages,
            import_pages,
            archive_pages,
            delivery_pages,
            download_files,
            download_pages,
        ),
    ):
        pages += module.PAGES
    return tuple(pages)


def create_app(
    settings: Settings,
    secret: ServerSecret,
    *,
    with_worker: bool = False,
    compiles_templates: bool = False,
) -> ASGIApp:
    """Create the ASGI application; its lifespan opens and closes the store.

    `with_worker` also runs the webhook worker in this process; `compiles_templates` makes the
    templates ready beside the first requests, so that none of them waits for it. Startup raises
    StoreRefused if the store's schema is not current, and Misconfigured if the secret is another
    one's.
    """
    services = Services(settings, secret)
    metrics = Metrics()
    meter = StallMeter(metrics)
    operations = all_operations(settings, metrics)

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        services.db = connect.open_database(settings)
        await connect.require_current(services.db, settings)
        await server_secret.bind(services.db, secret, settings.secret_path)
        await replica_reads.start(services, metrics)
        worker = None
        if with_worker:
            worker = Worker(
                services.db, secret, settings, observe=metrics.observe_attempt, watch=meter.watch
            )
            services.wake = worker.wake
            worker.start()
        builder = start_page_files(services)
        meter.start()
        if compiles_templates:
            threading.Thread(target=workspace.views.compile_templates, daemon=True).start()
        yield
        meter.stop()
        if services.replica is not None:
            await services.replica.stop()
        if builder is not None:
            await builder.stop()
        await workspace.ahead.stop()
        stopping = [
            workspace.render_pool.stop(),
            services.jobs.stop(STOP_S),
            workspace.session_activity.stop(),
        ]
        if worker is not None:
            stopping.append(worker.stop(STOP_S))
        await asyncio.gather(*stopping)
        await services.db.close()

    paths: dict[str, list[Endpoint]] = {}
    for operation in operations:
        paths.setdefault(operation.path, []).append(Endpoint(operation, services))
    workspace = Workspace(services, all_pages(), _path_pattern(operations, lambda op: True))
    routes = [Route(path, Dispatch(endpoints)) for path, endpoints in paths.items()]
    inner = Starlette(
        routes=[*routes, *workspace.routes()],
        lifespan=lifespan,
        # Problems are raised to the outermost middleware, which renders them.
        exception_handlers={},
    )
    inner.router.redirect_slashes = False
    return Edge(
        inner.router,
        services,
        metrics,
        meter,
        open_paths=_any_of(_path_pattern(operations, lambda op: op.role is None), workspace.paths),
        stream_paths=_any_of(
            _path_pattern(operations, lambda op: bool(op.streams)), workspace.stream_paths
        ),
        show_problem=workspace.show_problem,
        is_astray=workspace.is_astray,
        session_of=workspace.session_of,
        long_paths=_any_of(_path_pattern(operations, lambda op: op.is_long), workspace.long_paths),
        operations=operations,
    )


def start_page_files(services: Services, poll_s: float = POLL_S) -> PageFileBuilder | None:
    """Serve from page files and begin to build them, where the store can have them."""
    files = services.page_files = page_files_of(services.settings)
    if files is None or not isinstance(services.db, SqliteDatabase):
        return None
    if disk_space.is_read_only(services.settings.data):
        return None
    is_packed = services.settings.compressed_pages
    builder = PageFileBuilder(services.db, files, poll_s=poll_s, is_packed=is_packed)
    builder.start()
    return builder


def serve(settings: Settings, *, host: str, port: int, workers: int = 1) -> None:
    """Run the server until SIGTERM or SIGINT; open requests are finished first.

    With several `workers` each is a process that reads the settings from its environment.
    """
    logs.configure_logs(settings)
    # uvicorn shuts down and then raises the signal again, so the process must exit on it.
    signal.signal(signal.SIGTERM, _exit)
    options: dict[str, Any] = {
        "host": host,
        "port": port,
        "http": "plaudit.api.http.protocol:EdgeProtocol",
        "loop": "auto",
        "ws": "none",
        "lifespan": "on",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,
        "timeout_keep_alive": limits.IDLE_SECONDS_MAX,
        "timeout_graceful_shutdown": limits.DRAIN_SECONDS_MAX,
        "timeout_worker_healthcheck": limits.REQUEST_SECONDS_MAX,
        "factory": True,
    }
    if workers == 1:
        uvicorn.run(lambda: _create_server_app(settings), **options)
        return
    with tempfile.TemporaryDirectory(prefix="plaudit-metrics-") as folder:
        limits.to_environment(settings, metrics_folder=folder)
        uvicorn.run("plaudit.app:start_worker", workers=workers, **options)


def require_free_port(host: str, port: int) -> None:
    """Raise Misconfigured if the port is in use or the address cannot be bound."""
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, address in addresses:
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
    except OSError as exc:
        if exc.errno != errno.EADDRINUSE:
            raise Misconfigured(f"cannot listen on {host} port {port}: {exc.strerror}") from exc
        raise Misconfigured(
            f"port {port} is in use on {host}; choose another one with --port"
        ) from exc


def start_worker() -> ASGIApp:
    """Create the application of one of several serving processes."""
    settings = limits.from_environment()
    logs.configure_logs(settings)
    return _create_server_app(settings)


def _exit(number: int, frame: Any) -> NoReturn:
    sys.exit(0)


def _create_server_app(settings: Settings) -> ASGIApp:
    allocator.tune()
    sys.setswitchinterval(SWITCH_S)
    secret = server_secret.load(settings.secret_path)
    created = create_app(settings, secret, with_worker=settings.worker, compiles_templates=True)
    spare_collections()
    return created


def spare_collections() -> None:
    """Take what lives as long as the process out of the garbage collector's sight.

    A full collection looks at every object it knows, and nothing else runs meanwhile: 40 ms for the
    modules alone, each time that requests have made a quarter as many objects.
    """
    gc.collect()
    gc.freeze()


def _any_of(*patterns: re.Pattern[str]) -> re.Pattern[str]:
    return re.compile("|".join(pattern.pattern for pattern in patterns))


def _path_pattern(
    operations: Sequence[Operation], choose: Callable[[Operation], bool]
) -> re.Pattern[str]:
    """Pattern of the paths of the chosen operations; it matches nothing if there are none."""
    return links.compile_paths(op.path for op in operations if choose(op))
