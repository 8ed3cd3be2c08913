import io
import json
import logging

import pytest
import structlog

from wheelhouse.telemetry import Metrics, configure_logging, logger


@pytest.fixture
def stream():
    root = logging.getLogger()
    before = (root.handlers, root.level, logging.getLogger("uvicorn").level)
    stream = io.StringIO()
    configure_logging(level="info", stream=stream)
    yield stream
    structlog.reset_defaults()
    root.handlers, root.level = before[0], before[1]
    logging.getLogger("uvicorn").setLevel(before[2])


def lines(stream):
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_lines_are_json_and_carry_what_is_bound(stream):
    with structlog.contextvars.bound_contextvars(request_id="abc"):
        logger("x").info("hello", answer=42)
    logging.getLogger("other").warning("from %s", "elsewhere")
    logger("x").debug("below the level")
    ours, theirs = lines(stream)
    assert (ours["event"], ours["answer"], ours["request_id"], ours["logger"], ours["level"]) == (
        "hello",
        42,
        "abc",
        "x",
        "info",
    )
    assert (theirs["event"], theirs["logger"]) == ("from elsewhere", "other")


def test_tracebacks_hold_no_variables(stream):
    planted_secret = "planted" + "-secret"
    try:
        int([planted_secret])
    except TypeError:
        logger("x").exception("failed")
    assert planted_secret not in stream.getvalue()
    assert lines(stream)[0]["exception"][0]["exc_type"] == "TypeError"


def test_names_labels_and_edges_are_those_that_dashboards_use():
    metrics = Metrics(version="1.2.3")
    metrics.request(method="GET", route="/v1/x", code=200, seconds=0.2)
    metrics.observe_query("latest_quotes", 0.05)
    metrics.order(side="sell", status="filled")
    with metrics.recommending():
        pass
    text = metrics.render().decode()
    assert 'wheelhouse_http_requests_total{code="200",method="GET",route="/v1/x"} 1.0' in text
    for edge in ("0.1", "0.5", "2.0", "5.0"):
        assert f'wheelhouse_http_request_duration_seconds_bucket{{le="{edge}"}}' in text
    assert 'wheelhouse_store_query_duration_seconds_bucket{le="0.1",query="latest_quotes"} 1.0' in text
    assert 'wheelhouse_orders_total{side="sell",status="filled"} 1.0' in text
    assert "wheelhouse_recommendation_duration_seconds_count 1.0" in text
    assert "wheelhouse_market_data_age_seconds 0.0" in text
    assert 'wheelhouse_build_info{version="1.2.3"} 1.0' in text


def test_two_registries_do_not_add_up():
    first, second = Metrics(version="1"), Metrics(version="1")
    first.order(side="buy", status="filled")
    assert "wheelhouse_orders_total{" not in second.render().decode()
