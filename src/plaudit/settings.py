"""Settings of the operator, read from PLAUDIT_* environment variables; nothing else reads them."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from plaudit import mailbox
from plaudit.errors import Misconfigured
from plaudit.model.core import DEFAULT_OPTS, Opts, Quota

BODY_BYTES_MAX = 10 * 1024 * 1024
HEADER_BYTES_MAX = 16 * 1024
HEADER_SECONDS_MAX = 10.0
REQUEST_SECONDS_MAX = 30.0
STREAM_BYTES_MAX = 1024 * 1024 * 1024
STREAM_SECONDS_MAX = 600.0
IDLE_SECONDS_MAX = 60
LINGER_SECONDS_MAX = 5.0
"""Seconds after an answer until the rest of its request has come, or the connection ends."""
RATE_WINDOW_S = 20.0
BYTES_PER_SECOND_MIN = 500
"""Least rate of bodies that are sent and of answers that are read, over RATE_WINDOW_S."""
DRAIN_SECONDS_MAX = 25
CONNECTIONS_MAX = 1000
CONNECTIONS_PER_NETWORK_MAX = 200
UNREAD_MAX = 100
"""Most connections whose peer does not take its answer as fast as it is made."""
UNREAD_PER_NETWORK_MAX = 20
PIPELINED_MAX = 32
"""Most requests of one connection that wait behind the one that is being answered."""
INFLATED_BYTES_MAX = 4 * 1024**3
BYTES_MAX = 2**62
DATABASE_READ_LAG_MS = 100
ORG_REQUESTS_IN_WORK = 2
ORG_REQUESTS_WAITING = 100
NUMBER_MAX = 1000
WAITS_MAX = 100
WAIT_SECONDS_MAX = 7 * 24 * 3600

METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"

FAILED_AUTH = Quota(600, 60)
LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
_PUBLIC_URL = re.compile(r"https?://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::\d+)?", re.ASCII)
_QUOTA = re.compile(r"(\d{1,9})/(second|minute|hour|day)", re.ASCII)
_SECONDS = {"second": 1, "minute": 60, "hour": 60 * 60, "day": 24 * 60 * 60}
_SMTP_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


class SmtpServer(Struct, frozen=True, kw_only=True):
    """Mail server of PLAUDIT_SMTP_URL, and the sender's address."""

    scheme: str
    """`smtp` never encrypts, `smtp+starttls` does before it logs in, `smtps` from the start."""
    host: str
    port: int
    user: str | None
    password: str | None
    sender: str


class Settings(Struct, frozen=True, kw_only=True):
    """Settings of one server; the variable of each field is PLAUDIT_<NAME>."""

    data: Path = Path("plaudit-data")
    database: str | None = None
    database_pooler: bool = False
    database_read: str | None = None
    """URL of a hot standby of `database`, which answers reads of the v2 API."""
    database_read_lag_ms: int = DATABASE_READ_LAG_MS
    """Milliseconds that it may be behind; so long a read waits for it."""
    attachments: str | None = None
    secret_file: Path | None = None
    public_url: str | None = None
    """Origin of the server, such as `https://feedback.example.com`, without a slash at its end."""
    metrics_public: bool = False
    log_level: str = "info"
    default_opts: Opts = DEFAULT_OPTS
    bare_annotations: bool = False
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = LOOPBACK
    egress_allow: tuple[IPv4Network | IPv6Network, ...] = ()
    smtp_url: str | None = None
    rate_per_key: Quota | None = None
    rate_per_org: Quota | None = None
    rate_failed_auth: Quota | None = FAILED_AUTH
    org_requests_in_work: int = ORG_REQUESTS_IN_WORK
    """Requests of one environment that a process works on at a time, of each kind."""
    org_requests_waiting: int = ORG_REQUESTS_WAITING
    """Requests of one environment that wait beside them, of each kind."""
    inflated_bytes_max: int | None = INFLATED_BYTES_MAX
    """Most bytes that a compressed file of an import holds; None for any number of them."""
    mmap_bytes: int | None = None
    """Bytes of the embedded store's file that reads map into memory; None maps nothing."""
    webhook_retry_s: tuple[float, ...] = ()
    """Seconds between attempts; empty means those of `core.webhooks.retry_policy`."""
    page_files: bool = True
    """True if SQLite keeps what pages of tasks show a second time, in files they are sent from."""
    compressed_pages: bool = True
    """True if pages of tasks are compressed for who accepts it."""
    worker: bool = True
    """True if `plaudit serve` also runs the webhook worker."""

    @property
    def secret_path(self) -> Path:
        """Path of the server secret, by default `secret` in the data folder."""
        return self.secret_file or self.data / "secret"

    @property
    def pages_folder(self) -> Path:
        """Folder of the page files."""
        return self.data / "pages"

    @property
    def attachments_location(self) -> str:
        """Folder or object store URL of the attachments, by default `attachments` in the data."""
        return self.attachments or str(self.data / "attachments")

    @property
    def smtp(self) -> SmtpServer | None:
        """Mail server to send through, None without one."""
        return None if self.smtp_url is None else _smtp_server(self.smtp_url)


VARIABLES: dict[str, str] = {
    "PLAUDIT_DATA": "Folder of the embedded store; default ./plaudit-data.",
    "PLAUDIT_DATABASE": "URL of a PostgreSQL database instead of the embedded store.",
    "PLAUDIT_DATABASE_POOLER": "1 where a transaction pooler stands before PostgreSQL.",
    "PLAUDIT_DATABASE_READ": "URL of a hot standby of that PostgreSQL, which then answers GET "
    "requests of the v2 API.",
    "PLAUDIT_DATABASE_READ_LAG_MS": "How many milliseconds the standby may be behind: so long a "
    "request waits for it, 1 to 1000; default 100. Beyond, PLAUDIT_DATABASE answers.",
    "PLAUDIT_ATTACHMENTS": "Where attachments lie: a folder (default DATA/attachments), or the URL "
    "of an object store: s3://bucket/prefix, gs://bucket/prefix, az://container/prefix.",
    "PLAUDIT_SECRET_FILE": "The server secret; default DATA/secret, made at first start.",
    "PLAUDIT_PUBLIC_URL": "How clients reach this server, such as https://feedback.example.com; "
    "a host without a path. Used in links, /docs and /openapi.json.",
    "PLAUDIT_METRICS_PUBLIC": "1 lets any address read /metrics; default loopback only.",
    "PLAUDIT_LOG_LEVEL": "debug, info (default), warning or error.",
    "PLAUDIT_DEFAULT_OPTS": "What `opts` means when absent; default model_parameters.",
    "PLAUDIT_BARE_ANNOTATIONS": "1 drops id and type from annotations, as the seed page prints "
    "them; the official client cannot read that.",
    "PLAUDIT_TRUSTED_PROXIES": "Networks, separated by commas, of the proxies whose "
    "X-Forwarded-For is believed; default loopback.",
    "PLAUDIT_EGRESS_ALLOW": "Networks, separated by commas, that callbacks may reach although "
    "they are not public; default none.",
    "PLAUDIT_SMTP_URL": "The server that sends mail: smtp://, smtp+starttls:// or smtps://"
    "user:password@host:port?from=address.",
    "PLAUDIT_RATE_PER_KEY": "How many requests a key may make, such as 600/minute; default off.",
    "PLAUDIT_RATE_PER_ORG": "The same for all keys of an environment together; default off.",
    "PLAUDIT_RATE_FAILED_AUTH": "How many requests without a valid key one address may make before "
    "it is told to wait; default 600/minute.",
    "PLAUDIT_ORG_REQUESTS_IN_WORK": "How many requests of one organization that read, and as many "
    "that change something, a process works on at a time; default 3.",
    "PLAUDIT_ORG_REQUESTS_WAITING": "How many of each then wait for their turn; default 100. "
    "Further ones are refused.",
    "PLAUDIT_INFLATED_BYTES_MAX": "How many bytes a compressed file of an import may hold; default "
    "4294967296. off for any number, and for more than 100 times its own.",
    "PLAUDIT_MMAP_BYTES": "How many bytes of the embedded store's file reads map into memory; "
    "default off.",
    "PLAUDIT_WEBHOOK_RETRY_S": "Seconds between attempts to reach a receiver, separated by commas, "
    "instead of the built-in ones.",
    "PLAUDIT_PAGE_FILES": "0 keeps SQLite from writing DATA/pages, from which pages of tasks are "
    "sent; default 1.",
    "PLAUDIT_COMPRESSED_PAGES": "0 sends pages of tasks as they are, also to who accepts them "
    "compressed; default 1.",
    "PLAUDIT_WORKER": "0 leaves the sending of callbacks to `plaudit worker`; default 1.",
}


def from_environment(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from `environ` or os.environ; raises Misconfigured naming the variable."""
    env = os.environ if environ is None else environ
    level = env.get("PLAUDIT_LOG_LEVEL", "info").lower()
    if level not in ("debug", "info", "warning", "error"):
        raise Misconfigured("PLAUDIT_LOG_LEVEL must be debug, info, warning or error")
    secret = env.get("PLAUDIT_SECRET_FILE")
    smtp_url = env.get("PLAUDIT_SMTP_URL") or None
    if smtp_url is not None:
        _smtp_server(smtp_url)
    return Settings(
        data=Path(env.get("PLAUDIT_DATA") or "plaudit-data"),
        database=env.get("PLAUDIT_DATABASE") or None,
        database_pooler=_flag(env, "PLAUDIT_DATABASE_POOLER"),
        database_read=env.get("PLAUDIT_DATABASE_READ") or None,
        database_read_lag_ms=_number(env, "PLAUDIT_DATABASE_READ_LAG_MS", DATABASE_READ_LAG_MS),
        attachments=env.get("PLAUDIT_ATTACHMENTS") or None,
        secret_file=Path(secret) if secret else None,
        public_url=_public_url(env.get("PLAUDIT_PUBLIC_URL") or None),
        metrics_public=_flag(env, "PLAUDIT_METRICS_PUBLIC"),
        log_level=level,
        default_opts=_opts(env.get("PLAUDIT_DEFAULT_OPTS")),
        bare_annotations=_flag(env, "PLAUDIT_BARE_ANNOTATIONS"),
        trusted_proxies=_networks(env, "PLAUDIT_TRUSTED_PROXIES", LOOPBACK),
        egress_allow=_networks(env, "PLAUDIT_EGRESS_ALLOW", ()),
        smtp_url=smtp_url,
        rate_per_key=_quota(env, "PLAUDIT_RATE_PER_KEY", None),
        rate_per_org=_quota(env, "PLAUDIT_RATE_PER_ORG", None),
        rate_failed_auth=_quota(env, "PLAUDIT_RATE_FAILED_AUTH", FAILED_AUTH),
        org_requests_in_work=_number(env, "PLAUDIT_ORG_REQUESTS_IN_WORK", ORG_REQUESTS_IN_WORK),
        org_requests_waiting=_number(env, "PLAUDIT_ORG_REQUESTS_WAITING", ORG_REQUESTS_WAITING),
        inflated_bytes_max=_bytes(env, "PLAUDIT_INFLATED_BYTES_MAX", INFLATED_BYTES_MAX),
        mmap_bytes=_bytes(env, "PLAUDIT_MMAP_BYTES", None),
        webhook_retry_s=_waits(env.get("PLAUDIT_WEBHOOK_RETRY_S", "")),
        page_files=_flag(env, "PLAUDIT_PAGE_FILES", default=True),
        compressed_pages=_flag(env, "PLAUDIT_COMPRESSED_PAGES", default=True),
        worker=_flag(env, "PLAUDIT_WORKER", default=True),
    )


def to_environment(settings: Settings, *, metrics_folder: str) -> None:
    """Write the settings to os.environ for child processes.

    `metrics_folder` holds their shared metrics (prometheus-client's multiprocess mode).
    """
    values = {
        "PLAUDIT_DATA": str(settings.data),
        "PLAUDIT_DATABASE": settings.database or "",
        "PLAUDIT_DATABASE_POOLER": str(int(settings.database_pooler)),
        "PLAUDIT_DATABASE_READ": settings.database_read or "",
        "PLAUDIT_DATABASE_READ_LAG_MS": str(settings.database_read_lag_ms),
        "PLAUDIT_ATTACHMENTS": settings.attachments or "",
        "PLAUDIT_SECRET_FILE": str(settings.secret_path),
        "PLAUDIT_PUBLIC_URL": settings.public_url or "",
        "PLAUDIT_METRICS_PUBLIC": str(int(settings.metrics_public)),
        "PLAUDIT_LOG_LEVEL": settings.log_level,
        "PLAUDIT_DEFAULT_OPTS": ",".join(
            opt.name or "" for opt in Opts if opt in settings.default_opts
        ),
        "PLAUDIT_BARE_ANNOTATIONS": str(int(settings.bare_annotations)),
        "PLAUDIT_TRUSTED_PROXIES": _networks_text(settings.trusted_proxies) or "none",
        "PLAUDIT_EGRESS_ALLOW": _networks_text(settings.egress_allow),
        "PLAUDIT_SMTP_URL": settings.smtp_url or "",
        "PLAUDIT_RATE_PER_KEY": _quota_text(settings.rate_per_key),
        "PLAUDIT_RATE_PER_ORG": _quota_text(settings.rate_per_org),
        "PLAUDIT_RATE_FAILED_AUTH": _quota_text(settings.rate_failed_auth),
        "PLAUDIT_ORG_REQUESTS_IN_WORK": str(settings.org_requests_in_work),
        "PLAUDIT_ORG_REQUESTS_WAITING": str(settings.org_requests_waiting),
        "PLAUDIT_INFLATED_BYTES_MAX": str(settings.inflated_bytes_max or "off"),
        "PLAUDIT_MMAP_BYTES": str(settings.mmap_bytes or "off"),
        "PLAUDIT_WEBHOOK_RETRY_S": ",".join(map(str, settings.webhook_retry_s)),
        "PLAUDIT_PAGE_FILES": str(int(settings.page_files)),
        "PLAUDIT_COMPRESSED_PAGES": str(int(settings.compressed_pages)),
        "PLAUDIT_WORKER": str(int(settings.worker)),
        METRICS_FOLDER: metrics_folder,
    }
    os.environ.update(values)


def child_environment() -> dict[str, str]:
    """Environment of a process of ours that needs no settings: what Python needs, no secrets."""
    names = {"PATH", "HOME", "LANG", "TMPDIR", "TZ", "LD_LIBRARY_PATH"}
    return {
        name: value
        for name, value in os.environ.items()
        if name in names or name.startswith(("PYTHON", "LC_"))
    }


def metrics_folder() -> str | None:
    """Folder of the metrics shared by several serving processes, None for a single one."""
    return os.environ.get(METRICS_FOLDER)


def _flag(env: Mapping[str, str], name: str, *, default: bool = False) -> bool:
    text = env.get(name, "")
    if text not in ("", "0", "1"):
        raise Misconfigured(f"{name} must be 0 or 1")
    return text == "1" if text else default


def _number(env: Mapping[str, str], name: str, default: int) -> int:
    text = env.get(name) or str(default)
    if not re.fullmatch(r"[0-9]{1,4}", text) or not 0 < int(text) <= NUMBER_MAX:
        raise Misconfigured(f"{name} must be a number from 1 to {NUMBER_MAX}")
    return int(text)


def _bytes(env: Mapping[str, str], name: str, default: int | None) -> int | None:
    text = env.get(name) or str(default or "off")
    if text == "off":
        return None
    if not re.fullmatch(r"[0-9]{1,19}", text) or not 0 < int(text) <= BYTES_MAX:
        raise Misconfigured(f"{name} must be a number of bytes, or off")
    return int(text)


def _public_url(text: str | None) -> str | None:
    """Parse PLAUDIT_PUBLIC_URL; a path is refused, since pages stand at the root of their host."""
    if text is None:
        return None
    url = text.lower().removesuffix("/")
    try:
        is_origin = _PUBLIC_URL.fullmatch(url) is not None and urlsplit(url).port != 0
    except ValueError:  # a port above 65535, or brackets around what is no address
        is_origin = False
    if not is_origin:
        raise Misconfigured(
            "PLAUDIT_PUBLIC_URL must be http:// or https:// and a host, perhaps with a port, such "
            "as https://feedback.example.com; a path below it cannot be served"
        )
    return url


def _waits(text: str) -> tuple[float, ...]:
    """Parse PLAUDIT_WEBHOOK_RETRY_S: seconds before each attempt but the first."""
    try:
        waits = tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError:
        waits = (math.nan,)
    if len(waits) > WAITS_MAX or not all(0 <= wait <= WAIT_SECONDS_MAX for wait in waits):
        raise Misconfigured(
            f"PLAUDIT_WEBHOOK_RETRY_S takes up to {WAITS_MAX} numbers of seconds from 0 to "
            f"{WAIT_SECONDS_MAX}, separated by commas"
        )
    return waits


def _opts(text: str | None) -> Opts:
    if text is None:
        return DEFAULT_OPTS
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in Opts.__members__]
    if unknown:
        accepted = ", ".join(Opts.__members__)
        raise Misconfigured(f"PLAUDIT_DEFAULT_OPTS takes {accepted}; not {unknown[0]}")
    return Opts(sum(Opts[name] for name in set(names)))


def _networks(
    env: Mapping[str, str], name: str, default: tuple[IPv4Network | IPv6Network, ...]
) -> tuple[IPv4Network | IPv6Network, ...]:
    text = env.get(name, "")
    if text in ("", "none"):
        return () if text else default
    networks = []
    for part in (part.strip() for part in text.split(",")):
        try:
            if part:
                networks.append(ip_network(part))
        except ValueError as exc:
            raise Misconfigured(
                f"{name} takes networks such as 10.20.0.0/16, separated by commas; {part!r} is none"
            ) from exc
    return tuple(networks)


def _networks_text(networks: tuple[IPv4Network | IPv6Network, ...]) -> str:
    return ",".join(str(network) for network in networks)


def _smtp_server(text: str) -> SmtpServer:
    """Parse PLAUDIT_SMTP_URL; the error never quotes it, because it may hold a password."""
    try:
        parts = urlsplit(text)
        default_port = _SMTP_PORTS[parts.scheme]
        port = default_port if parts.port is None else parts.port
        name, _, sender = parts.query.partition("=")
        mailbox.check(unquote(sender))
        is_whole = bool(port and parts.hostname and name == "from" and parts.path in ("", "/"))
        if not is_whole or parts.fragment or not text.isprintable() or " " in text:
            raise ValueError("missing or unexpected parts")
    except (ValueError, KeyError):
        raise Misconfigured(
            "PLAUDIT_SMTP_URL must be smtp://user:password@host:port?from=name@example.com, or the "
            "same with smtp+starttls:// or smtps://; user and password are percent-encoded, and "
            "they and the port may be left out"
        ) from None
    assert parts.hostname is not None
    return SmtpServer(
        scheme=parts.scheme,
        host=parts.hostname,
        port=port,
        user=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
        sender=unquote(sender),
    )


def _quota(env: Mapping[str, str], name: str, default: Quota | None) -> Quota | None:
    text = env.get(name, "")
    if text in ("", "off"):
        return None if text else default
    match = _QUOTA.fullmatch(text)
    if match is None or int(match[1]) == 0:
        units = ", ".join(_SECONDS)
        raise Misconfigured(
            f"{name} must be a number, a slash and one of {units}, such as 600/minute; or off"
        )
    return Quota(int(match[1]), _SECONDS[match[2]])


def _quota_text(quota: Quota | None) -> str:
    if quota is None:
        return "off"
    units = {seconds: unit for unit, seconds in _SECONDS.items()}
    return f"{quota.amount}/{units[quota.seconds]}"
