"""What an operator sees of the running service: JSON log lines on standard error, and metrics to scrape.

Metrics live in a registry of their own for each application, so two applications of one process never add up. Their names
carry the prefix ``wheelhouse_``.
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import TextIO, cast

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

METRICS_CONTENT_TYPE = CONTENT_TYPE_LATEST
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

_HTTP_EDGES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_QUERY_EDGES = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_RECOMMENDATION_EDGES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0)


def configure_logging(*, level: str = "info", stream: TextIO | None = None) -> None:
    """Send structlog's and the standard library's log lines to `stream` (standard error) as one JSON object a line."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    final: list[structlog.typing.Processor] = [
        # Never the frames' variables: they hold keys and accounts.
        structlog.processors.ExceptionRenderer(
            structlog.tracebacks.ExceptionDictTransformer(show_locals=False, max_frames=30)
        ),
        structlog.processors.JSONRenderer(default=str),
    ]
    output = sys.stderr if stream is None else stream
    structlog.configure(
        processors=[*shared, *final],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(file=output),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(output)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *final],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(_LEVELS[level], logging.INFO))
    # Each request has its own line already, and uvicorn's start-up lines would repeat ours.
    logging.getLogger("uvicorn").setLevel(logging.WARNING)


def logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """A logger whose lines carry `logger=name`."""
    return cast("structlog.typing.FilteringBoundLogger", structlog.get_logger().bind(logger=name))


class Metrics:
    """The service's metrics, in a registry of their own.

    Parameters
    ----------
    version
        What `wheelhouse_build_info` says.
    """

    def __init__(self, *, version: str) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(namespace="wheelhouse", registry=self.registry)
        self.requests = Counter(
            "wheelhouse_http_requests", "Answered requests.", ("method", "route", "code"), registry=self.registry
        )
        self.request_seconds = Histogram(
            "wheelhouse_http_request_duration_seconds",
            "From a request's head to its answer's end.",
            buckets=_HTTP_EDGES,
            registry=self.registry,
        )
        self.recommendation_seconds = Histogram(
            "wheelhouse_recommendation_duration_seconds",
            "Making one account's recommendations.",
            buckets=_RECOMMENDATION_EDGES,
            registry=self.registry,
        )
        self.orders = Counter(
            "wheelhouse_orders",
            "Orders by side (buy, sell) and the status they reached.",
            ("side", "status"),
            registry=self.registry,
        )
        self.market_data_age = Gauge(
            "wheelhouse_market_data_age_seconds",
            "Session time since the oldest of the symbols' latest quotes.",
            registry=self.registry,
        )
        self.query_seconds = Histogram(
            "wheelhouse_store_query_duration_seconds",
            "Calls of the store.",
            ("query",),
            buckets=_QUERY_EDGES,
            registry=self.registry,
        )
        self.store_connections = Gauge(
            "wheelhouse_store_connections", "Connections to the database.", ("state",), registry=self.registry
        )
        build = Gauge("wheelhouse_build_info", "What is running; always 1.", ("version",), registry=self.registry)
        build.labels(version=version).set(1)

    def request(self, *, method: str, route: str, code: int, seconds: float) -> None:
        """Count one answered request."""
        self.requests.labels(method=method, route=route, code=str(code)).inc()
        self.request_seconds.observe(seconds)

    def observe_query(self, query: str, seconds: float) -> None:
        """Count one call of the store; the store's hook."""
        self.query_seconds.labels(query=query).observe(seconds)

    def order(self, *, side: str, status: str) -> None:
        """Count an order that reached a status."""
        self.orders.labels(side=side, status=status).inc()

    @contextmanager
    def recommending(self) -> Iterator[None]:
        """Time the making of recommendations."""
        start = perf_counter()
        try:
            yield
        finally:
            self.recommendation_seconds.observe(perf_counter() - start)

    def render(self) -> bytes:
        """All metrics in the Prometheus text format."""
        return generate_latest(self.registry)
