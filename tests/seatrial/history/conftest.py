import pytest


def make_run(
    value, *, name="r", unit="seconds", cores=2, measured="a.b.response_time_p95", version="1.0", objective=None, **more
):
    return {
        "run_id": name,
        "timestamp": f"2026-01-{name:>02}" if name.isdigit() else name,
        "profile": "standard",
        "seatrial_version": "0.1.0",
        "decision": "READY",
        "scope": "full",
        "target": {"name": "toy", "version": version},
        "environment": {"cores": cores, "python": "3.11", "memory_bytes": 8 * 2**30},
        "measurements": [{"id": measured, "unit": unit, "value": value, "objective": objective, "verdict": None}],
        **more,
    }


@pytest.fixture
def run():
    return make_run
