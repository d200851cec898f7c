"""Prometheus metrics: requests, their durations, and webhook attempts."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.process_collector import ProcessCollector

from plaudit.core.webhooks.sender import AttemptEnd
from plaudit.settings import metrics_folder

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


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
        self._children: dict[tuple[str, int], tuple[Counter, Histogram]] = {}

    def observe(self, operation: str, status: int, seconds: float) -> None:
        """Count a finished request and its duration in seconds."""
        children = self._children.get((operation, status))
        if children is None:
            children = (
                self._requests.labels(operation, str(status)),
                self._seconds.labels(operation),
            )
            self._children[operation, status] = children
        counter, histogram = children
        counter.inc()
        histogram.observe(seconds)

    def observe_attempt(self, attempt: AttemptEnd) -> None:
        """Count a webhook attempt by its outcome and the message's state after it."""
        self._attempts.labels(attempt.result.outcome.value, attempt.state or "lost").inc()

    def text(self) -> bytes:
        """Metrics in Prometheus' text format, summed over all serving processes."""
        folder = metrics_folder()
        if folder is None:
            return generate_latest(self._registry)
        combined = CollectorRegistry()
        MultiProcessCollector(combined, path=folder)  # type: ignore[no-untyped-call]
        return generate_latest(combined)
