"""Prometheus metrics: requests, their durations, webhook attempts, and stalls of the loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.process_collector import ProcessCollector

from plaudit.core.webhooks.sender import AttemptEnd
from plaudit.settings import metrics_folder

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
STALL_BUCKETS = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """Metrics of one application, in a registry of its own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "plaudit_requests",
            "Requests answered.",
            ("operation", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "plaudit_request_seconds",
            "Time from the request's headers to the end of its answer.",
            ("operation",),
            buckets=BUCKETS,
            registry=self._registry,
        )
        self._attempts = Counter(
            "plaudit_attempts",
            "Delivery attempts of webhook messages, by outcome and by the message's state.",
            ("outcome", "state"),
            registry=self._registry,
        )
        self._stall_seconds = Histogram(
            "plaudit_loop_stall_seconds",
            "Times of 10 ms and more for which the event loop did not turn.",
            buckets=STALL_BUCKETS,
            registry=self._registry,
        )
        self._longest_stall = Gauge(
            "plaudit_loop_stall_max_seconds",
            "Longest time of the last five minutes for which the event loop did not turn.",
            registry=self._registry,
            multiprocess_mode="livemax",
        )
        self._stalls = Counter(
            "plaudit_loop_stalls",
            "Steps that held the event loop for 50 ms or longer, by what held it.",
            ("operation",),
            registry=self._registry,
        )
        self._step_cpu = Gauge(
            "plaudit_step_cpu_max_seconds",
            "Most CPU that one step on the event loop took since the start, from 10 ms on.",
            ("operation",),
            registry=self._registry,
            multiprocess_mode="livemax",
        )
        self._add_waits()
        self.before_text: Callable[[], None] = lambda: None
        """Called before the metrics are read; adds what is still to be added."""
        self._step_maxima: dict[str, float] = {}
        self._children: dict[tuple[str, int], tuple[Counter, Histogram]] = {}

    def _add_waits(self) -> None:
        """Add the metrics of requests that wait for their organization's turn."""
        self._waiting = Gauge(
            "plaudit_requests_waiting",
            "Requests that wait because others of their organization are in work.",
            ("kind",),
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        self._wait_seconds = Histogram(
            "plaudit_request_wait_seconds",
            "Times for which requests waited because others of their organization were in work.",
            ("kind",),
            buckets=BUCKETS,
            registry=self._registry,
        )
        self._refusals = Counter(
            "plaudit_requests_refused",
            "Requests refused because too many of their organization waited, or for too long.",
            ("kind",),
            registry=self._registry,
        )

    def add_replica(self) -> None:
        """Add the metrics of a replica and its reads; there are none without one."""
        self._reads = Counter(
            "plaudit_replica_reads",
            "Reads that the replica was to answer, by who answered, and why if it was the primary.",
            ("answered_by", "reason"),
            registry=self._registry,
        )
        self._replica_ready = Gauge(
            "plaudit_replica_ready",
            "1 while the replica answers, else 0; the least of the serving processes.",
            (),
            registry=self._registry,
            multiprocess_mode="livemin",
        )
        self._replica_lag = Gauge(
            "plaudit_replica_lag_seconds",
            "Seconds since the primary wrote what the replica lacks; 0 if it lacks nothing.",
            (),
            registry=self._registry,
            multiprocess_mode="livemax",
        )

    def observe(self, operation: str, status: int, seconds: float) -> None:
        """Count a finished request and its duration in seconds."""
        self.observe_many(operation, status, (seconds,))

    def observe_many(self, operation: str, status: int, seconds: Sequence[float]) -> None:
        """Count finished requests and their durations in seconds."""
        children = self._children.get((operation, status))
        if children is None:
            children = (
                self._requests.labels(operation, str(status)),
                self._seconds.labels(operation),
            )
            self._children[operation, status] = children
        counter, histogram = children
        counter.inc(len(seconds))
        for duration in seconds:
            histogram.observe(duration)

    def observe_attempt(self, attempt: AttemptEnd) -> None:
        """Count a webhook attempt by its outcome and the message's state after it."""
        self._attempts.labels(attempt.result.outcome.value, attempt.state or "lost").inc()

    def observe_stall(self, seconds: float) -> None:
        """Count a time for which the event loop did not turn."""
        self._stall_seconds.observe(seconds)

    def set_longest_stall(self, seconds: float) -> None:
        """Set the longest time of the last minutes for which the event loop did not turn."""
        self._longest_stall.set(seconds)

    def count_stall(self, operation: str) -> None:
        """Count a step that held the event loop too long, by its operation."""
        self._stalls.labels(operation).inc()

    def observe_step(self, operation: str, cpu_s: float) -> None:
        """Keep the most CPU seconds that a step of the operation took."""
        if cpu_s > self._step_maxima.get(operation, 0.0):
            self._step_maxima[operation] = cpu_s
            self._step_cpu.labels(operation).set(cpu_s)

    def count_waiting(self, kind: str, number: int) -> None:
        """Add to the number of requests of a kind, read or change, that wait for their turn."""
        self._waiting.labels(kind).inc(number)

    def observe_wait(self, kind: str, seconds: float) -> None:
        """Count a request that had to wait, and for how long."""
        self._wait_seconds.labels(kind).observe(seconds)

    def count_refusal(self, kind: str) -> None:
        """Count a request that was refused because too many of its organization waited."""
        self._refusals.labels(kind).inc()

    def count_read(self, answered_by: str, reason: str) -> None:
        """Count a read that the replica was to answer; `reason` is empty where it did."""
        self._reads.labels(answered_by, reason).inc()

    def set_replica(self, *, is_ready: bool, lag_s: float) -> None:
        """Set the replica's state and lag."""
        self._replica_ready.set(int(is_ready))
        self._replica_lag.set(lag_s)

    def text(self) -> bytes:
        """Metrics in Prometheus' text format, summed over all serving processes."""
        self.before_text()
        folder = metrics_folder()
        if folder is None:
            return generate_latest(self._registry)
        combined = CollectorRegistry()
        MultiProcessCollector(combined, path=folder)  # type: ignore[no-untyped-call]
        return generate_latest(combined)
