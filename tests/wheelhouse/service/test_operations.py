from datetime import datetime

import pytest


async def test_liveness_and_readiness_need_no_key(ask):
    assert (await ask("GET", "/livez", key=None)).json == {"status": "alive"}
    ready = await ask("GET", "/readyz", key=None)
    assert ready.status == 200
    assert ready.json["status"] == "ready"
    assert {check["name"] for check in ready.json["checks"]} >= {"store", "ledger", "feed"}
    assert all(set(check) == {"name", "ok", "detail"} for check in ready.json["checks"])


async def test_about(ask):
    about = (await ask("GET", "/v1/about")).json
    assert set(about) == {"system", "version", "environment", "broker", "now", "session", "clock", "capabilities"}
    assert (about["system"], about["environment"], about["broker"]) == ("wheelhouse", "development", "paper")
    assert (about["session"], about["clock"]) == ("open", "simulated")
    assert datetime.fromisoformat(about["now"]).date().isoformat() == "2013-03-01"
    assert "orders" in about["capabilities"]


@pytest.mark.parametrize(
    ("capability", "method", "path"),
    [
        ("restore", "POST", "/v1/maintenance/restore"),
        ("archive", "POST", "/v1/maintenance/archive"),
    ],
)
async def test_what_does_not_exist_yet_says_so(ask, capability, method, path):
    assert capability not in (await ask("GET", "/v1/about")).json["capabilities"]
    assert (await ask(method, path)).status == 501


async def test_metrics(ask, server):
    await ask("GET", "/v1/about")
    await ask("GET", "/nowhere", key=None)
    answer = await ask("GET", "/metrics", key=None)
    text = answer.body.decode()
    assert answer.headers["content-type"].startswith("text/plain")
    assert 'wheelhouse_http_requests_total{code="200",method="GET",route="/v1/about"}' in text
    assert 'wheelhouse_http_requests_total{code="404",method="GET",route="unmatched"}' in text
    assert 'wheelhouse_store_query_duration_seconds_bucket{le="0.1"' in text
    assert "wheelhouse_market_data_age_seconds" in text
    assert 'wheelhouse_store_connections{state="idle"}' in text
    assert "wheelhouse_build_info" in text


async def test_the_api_describes_itself(ask):
    described = (await ask("GET", "/schema/openapi.json", key=None)).json
    assert described["openapi"].startswith("3.1")
    for path in ("/v1/market/quotes", "/v1/accounts/{account_id}/orders", "/v1/end-of-day", "/readyz"):
        assert path in described["paths"]
    operation = described["paths"]["/v1/accounts/{account_id}/orders"]["post"]
    assert "application/problem+json" in operation["responses"]["default"]["content"]
    assert operation["requestBody"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/v1/nowhere", 404),
        ("POST", "/livez", 405),
        ("PATCH", "/v1/accounts", 405),
        ("GET", "/v1/accounts/none", 404),
    ],
)
async def test_errors_of_routing(ask, method, path, status):
    assert (await ask(method, path)).status == status


async def test_request_ids_are_kept_if_they_are_sane(ask):
    assert (await ask("GET", "/livez", X_Request_Id="abc-1")).headers["x-request-id"] == "abc-1"
    assert (await ask("GET", "/livez", X_Request_Id="a b")).headers["x-request-id"] != "a b"


async def test_verify_finds_nothing_wrong_and_backup_writes_a_copy(ask, tmp_path):
    answer = await ask("POST", "/v1/maintenance/verify")
    assert answer.status == 200
    assert (answer.json["ok"], answer.json["problems"]) == (True, [])
    copied = await ask("POST", "/v1/maintenance/backup", {"path": str(tmp_path / "copy.db")})
    assert copied.status == 200, copied.json
    assert (tmp_path / "copy.db").is_file()
    assert copied.json["rows"]["quotes"] > 0
    assert (await ask("POST", "/v1/maintenance/backup", {"path": "relative.db"})).status == 422


async def test_a_wrong_method_names_the_right_ones(ask):
    answer = await ask("PUT", "/v1/accounts")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, POST")
    assert "GET, POST" in answer.json["detail"]
