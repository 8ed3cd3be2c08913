from __future__ import annotations

import pytest

from seatrial.errors import ConfigurationError, HarnessError
from seatrial.load.arrivals import burst, constant
from seatrial.load.locust_job import LocustJob, LocustRequest


def job(**changed: object) -> LocustJob:
    values: dict[str, object] = {
        "name": "nominal",
        "base_url": "http://127.0.0.1:1",
        "requests": (
            LocustRequest(path="/v1/about"),
            LocustRequest(
                path="/v1/orders/{number}",
                method="POST",
                headers={"Idempotency-Key": "run-{number}"},
                body=b'{"quantity": {number}, "note": "\xc3\xa9"}',
                expected=(200, 201),
            ),
        ),
        "schedule": burst(10, 100, before=2, during=1, after=2),
        "warm_up": constant(5, 1),
        "workers": 3,
        "time_limit": 2.5,
        "lost_cause_seconds": None,
    }
    return LocustJob(**(values | changed))  # type: ignore[arg-type]


def test_a_job_comes_back_as_it_was_sent() -> None:
    for sent in (job(), job(warm_up=None, lost_cause_seconds=4.0)):
        assert LocustJob.from_json(sent.to_json()) == sent


def test_requests_are_taken_in_turn_also_before_the_window() -> None:
    stage = job()
    assert [stage.request(number).method for number in (-2, -1, 0, 1, 2)] == ["GET", "POST", "GET", "POST", "GET"]


def test_the_number_is_filled_in_wherever_it_stands() -> None:
    numbered = job().request(1).numbered(41)
    assert numbered.path == "/v1/orders/41"
    assert numbered.headers == {"Idempotency-Key": "run-41"}
    assert numbered.body == b'{"quantity": 41, "note": "\xc3\xa9"}'


@pytest.mark.parametrize("changed", [{"path": "orders"}, {"path": "/", "expected": ()}])
def test_a_request_that_cannot_be_sent_is_a_configuration_error(changed: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError):
        LocustRequest(**changed)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "{}", '{"name": "x"}', "[1]"])
def test_text_that_is_no_job_is_refused(text: str) -> None:
    with pytest.raises(HarnessError, match="same version"):
        LocustJob.from_json(text)
