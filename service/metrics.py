"""What Prometheus is told of the service, over all its workers.

Under gunicorn each worker writes to files in a folder that `service/metrics_folder.py` makes, and
whichever worker is asked adds them up: prometheus-client's multiprocess mode, which it is in when
PROMETHEUS_MULTIPROC_DIR is set as it is imported. Without the variable there is one process, and
the numbers are in its memory.

An increment costs about a microsecond. What can be counted once per forward pass, on the network's
thread, is; a request costs eight increments.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.multiprocess import MultiProcessCollector

from service.errors import SettingsError

if TYPE_CHECKING:
    from service.bundle import Bundle
    from service.trace import Trace

_FOLDER = "PROMETHEUS_MULTIPROC_DIR"

# Answers take 1 to 50 ms; what is over the deadline, 10 s by default, is all the same.
_SECONDS = (
    *(0.0005, 0.001, 0.0025, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.075),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
_TEXTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)

_METHODS = frozenset(("GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE"))


class Metrics:
    """All metrics of an application; one of it per process.

    Raises:
        SettingsError: PROMETHEUS_MULTIPROC_DIR is set, but is no folder.
    """

    def __init__(self) -> None:
        _check_folder()
        self._registry = CollectorRegistry()
        self._count_requests()
        self._count_batches()
        self._describe_workers()

    def _count_requests(self) -> None:
        self._requests = _Children(
            Counter(
                "manytone_requests_total",
                "Requests answered. What no route takes has the route 'unmatched', what was "
                "refused before it was read 'unread'.",
                ["route", "method", "status"],
                registry=self._registry,
            )
        )
        self._request_seconds = _Children(
            Histogram(
                "manytone_request_duration_seconds",
                "From when the application is called to its answer.",
                ["route"],
                buckets=_SECONDS,
                registry=self._registry,
            )
        )
        self._queue_seconds = Histogram(
            "manytone_queue_seconds",
            "How long a request's texts waited for the network.",
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._predictions = _Children(
            Counter(
                "manytone_predictions_total",
                "Texts answered, by the bundle that read them and the label that it gave.",
                ["model", "label"],
                registry=self._registry,
            )
        )
        self.in_flight = Gauge(
            "manytone_requests_in_flight",
            "Requests in hand now, the one that reads this included.",
            multiprocess_mode="livesum",
            registry=self._registry,
        )

    def _count_batches(self) -> None:
        self._batch_texts = _Children(
            Histogram(
                "manytone_batch_texts",
                "Texts of a forward pass.",
                ["model"],
                buckets=_TEXTS,
                registry=self._registry,
            )
        )
        self._network_seconds = _Children(
            Histogram(
                "manytone_network_seconds",
                "Duration of a forward pass.",
                ["model"],
                buckets=_SECONDS,
                registry=self._registry,
            )
        )
        self._tokens = _Children(
            Counter(
                "manytone_tokens_total",
                "Tokens read by the network, padding left out.",
                ["model"],
                registry=self._registry,
            )
        )
        self._queue_texts = Gauge(
            "manytone_queue_texts",
            "Texts that waited when the network last took some; 0 when it is idle.",
            multiprocess_mode="livesum",
            registry=self._registry,
        )

    def _describe_workers(self) -> None:
        self._models = _Children(
            Gauge(
                "manytone_model_info",
                "1 for each bundle that is served; 0 for one that was.",
                ["model", "version", "language", "commit"],
                multiprocess_mode="livemax",
                registry=self._registry,
            )
        )
        self._swaps = _Children(
            Counter(
                "manytone_bundle_swaps_total",
                "What became of changed files in the folder of the bundles; each worker looks.",
                ["file", "outcome"],
                registry=self._registry,
            )
        )
        Gauge(
            "manytone_worker_start_time_seconds",
            "When each worker that lives began, in seconds since 1970.",
            multiprocess_mode="liveall",
            registry=self._registry,
        ).set_to_current_time()

    def swapped(self, name: str, outcome: str) -> None:
        """A bundle's file was looked at while the service runs.

        Args:
            name: of the file, without `.pt`.
            outcome: "swapped", "removed" or "rejected".
        """
        self._swaps[name, outcome].inc()

    def serving(self, bundles: Iterable[Bundle]) -> None:
        """These bundles are served from now on, and no others."""
        for former in self._models.values():
            former.set(0)
        for metadata in (bundle.metadata for bundle in bundles):
            commit = metadata.git_commit
            self._models[metadata.name, metadata.version, metadata.language, commit].set(1)
            for label in metadata.labels:
                self._predictions[metadata.name, label].inc(0)  # there from the start, for rates

    def request(self, route: str, method: str, status: str, seconds: float, trace: Trace) -> None:
        """A request was answered.

        Args:
            route: the rule that took it, never its path: a series per path would have no end.
        """
        self._requests[route, method if method in _METHODS else "other", status].inc()
        self._request_seconds[(route,)].observe(seconds)
        if trace.queued is not None:
            self._queue_seconds.observe(trace.queue_seconds)
        answered: dict[tuple[str, str], int] = {}
        for prediction in trace.predictions:
            key = prediction.model, prediction.label
            answered[key] = answered.get(key, 0) + 1
        for key, texts in answered.items():
            self._predictions[key].inc(texts)

    def refused(self, status: int) -> None:
        """A connection was answered without a request: it was none, or late, or one too many."""
        self._requests["unread", "other", str(int(status))].inc()

    def waiting(self, texts: int) -> None:
        """So many texts wait for the network."""
        self._queue_texts.set(texts)

    def forward_pass(self, bundle: Bundle, texts: int, tokens: int, seconds: float) -> None:
        """The network read a batch."""
        model = (bundle.metadata.name,)
        self._batch_texts[model].observe(texts)
        self._network_seconds[model].observe(seconds)
        self._tokens[model].inc(tokens)

    def page(self, accept: str) -> tuple[bytes, str]:
        """All of it, over all workers.

        Args:
            accept: the request's header of that name: Prometheus asks for OpenMetrics with it.

        Returns:
            The page, and its media type.
        """
        registry = self._registry
        if _FOLDER in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        try:
            encode, content_type = choose_encoder(accept)
        except (TypeError, ValueError):  # a version that is none
            encode, content_type = choose_encoder("")
        return encode(registry), content_type


Metric = TypeVar("Metric", bound=MetricWrapperBase)


class _Children(dict[tuple[str, ...], Metric], Generic[Metric]):
    """The children of a metric by their labels' values; `metric.labels(…)` costs more than to
    count."""

    def __init__(self, metric: Metric) -> None:
        super().__init__()
        self._metric = metric

    def __missing__(self, values: tuple[str, ...]) -> Metric:
        child = self[values] = self._metric.labels(*values)
        return child


def _check_folder() -> None:
    folder = os.environ.get(_FOLDER)
    if folder is not None and not (folder and Path(folder).is_dir()):
        raise SettingsError(
            _FOLDER, folder, "a folder, which gunicorn makes and other servers find; or unset it"
        )
