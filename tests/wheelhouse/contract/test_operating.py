"""Sections "running" and the operator's routes of the contract: keys, roles, limits, metrics, readiness, settings, commands."""

import re
import subprocess
import time
from datetime import datetime

import pytest

from ..service.conftest import KEY, command, environment  # noqa: TID252 - the folders of tests are no packages

READER, TRADER, ADMIN = "reader", "trader", "admin"
ROUTES = [
    (READER, "GET", "/v1/about", None), (READER, "GET", "/v1/market/NEVER", None), (READER, "GET", "/v1/market/NEVER/chain", None),
    (READER, "GET", "/v1/market/NEVER/bars", None), (READER, "GET", "/v1/accounts", None), (READER, "GET", "/v1/accounts/none", None),
    (READER, "GET", "/v1/accounts/none/ledger", None), (READER, "GET", "/v1/accounts/none/orders", None),
    (READER, "GET", "/v1/accounts/none/risk", None), (READER, "GET", "/v1/accounts/none/performance", None),
    (READER, "GET", "/v1/accounts/none/recommendations", None), (READER, "GET", "/v1/accounts/none/expirations", None),
    (READER, "GET", "/v1/ingestions/none", None), (TRADER, "POST", "/v1/market/quotes", {"quotes": []}),
    (TRADER, "POST", "/v1/market/bars", {"interval": "1d", "bars": []}), (TRADER, "PUT", "/v1/market/AB/terms", {"rate": 0, "dividend_yield": 0}),
    (TRADER, "PUT", "/v1/market/instruments", {"instruments": []}), (TRADER, "POST", "/v1/ingestions", {"source": "sample", "symbols": ["NOPE"]}),
    (TRADER, "POST", "/v1/accounts", {"name": "x", "kind": "cash", "cash": 1}), (TRADER, "POST", "/v1/accounts/none/orders", {"legs": []}),
    (TRADER, "DELETE", "/v1/accounts/none/orders/none", None), (TRADER, "POST", "/v1/accounts/none/events", {"events": []}),
    (TRADER, "POST", "/v1/accounts/none/halt", None), (TRADER, "POST", "/v1/accounts/none/resume", None),
    (TRADER, "POST", "/v1/end-of-day", {"date": "2013-03-01", "accounts": []}), (ADMIN, "GET", "/v1/keys", None),
    (ADMIN, "POST", "/v1/keys", {"role": "reader"}), (ADMIN, "DELETE", "/v1/keys/none", None),
    (ADMIN, "POST", "/v1/maintenance/verify", {}), (ADMIN, "POST", "/v1/maintenance/compact", {}),
    (ADMIN, "POST", "/v1/maintenance/backup", {}), (ADMIN, "POST", "/v1/maintenance/restore", {}), (ADMIN, "POST", "/v1/maintenance/archive", {}),
]  # fmt: skip


@pytest.fixture(scope="module")
def keys(ask):
    return {role: ask("POST", "/v1/keys", {"role": role})["key"] for role in (READER, TRADER, ADMIN)}


def run(tmp_path, *arguments, **extra):
    return subprocess.run(
        command(*arguments), env=environment(tmp_path, **extra), cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )  # fmt: skip


@pytest.mark.parametrize(("role", "method", "path", "body"), ROUTES)
def test_a_route_takes_its_role_and_those_above(ask, keys, role, method, path, body):
    ladder = [READER, TRADER, ADMIN]
    assert ask(method, path, body, key=None).status == 401
    assert ask(method, path, body, key="unknown").status == 401
    for other in ladder:
        enough = ladder.index(other) >= ladder.index(role)
        assert (ask(method, path, body, key=keys[other]).status == 403) is not enough, other


def test_a_key_lives_from_its_making_to_its_revocation(ask):
    made = ask("POST", "/v1/keys", {"role": "reader", "name": "desk"})
    assert (made.status, made["role"]) == (201, "reader")
    assert ask("GET", "/v1/about", key=made["key"]).status == 200
    assert ask("GET", "/v1/about", key=None, X_API_Key=made["key"]).status == 200
    listed = ask.get("/v1/keys")["keys"]
    assert made["key"] not in str(listed)
    assert made["id"] in [it["id"] for it in listed]
    assert ask("DELETE", f"/v1/keys/{made['id']}").status in (200, 204)
    assert ask("GET", "/v1/about", key=made["key"]).status == 401
    assert ask("POST", "/v1/keys", {"role": "king"}).status == 422


def test_public_routes_take_no_key(ask):
    assert ask("GET", "/livez", key=None).status == 200
    ready = ask("GET", "/readyz", key=None)
    assert (ready.status, ready["status"]) == (200, "ready")
    assert all(it.keys() == {"name", "ok", "detail"} and it["ok"] for it in ready["checks"])
    assert ask("GET", "/metrics", key=None).status == 200


def test_about_has_every_key(ask):
    about = ask.get("/v1/about")
    assert about.keys() == {"system", "version", "environment", "broker", "now", "session", "clock", "capabilities"}
    told = {name: about[name] for name in ("system", "environment", "broker", "session", "clock")}
    assert told == {
        "system": "wheelhouse", "environment": "development", "broker": "paper", "session": "open", "clock": "simulated",
    }  # fmt: skip


def test_metrics_have_their_names_edges_and_labels(ask):
    account = ask.account()
    ask.quotes(("MET", 10.0, 10.1))
    ask.order(account, {"MET": 1})
    ask.get(f"/v1/accounts/{account}/recommendations")
    text = ask("GET", "/metrics").body.decode()
    route = r'route="/v1/accounts/\{account_id(:str)?\}"'
    ask.get(f"/v1/accounts/{account}")
    text = ask("GET", "/metrics").body.decode()
    assert re.search(
        r"^wheelhouse_http_requests_total\{(?=.*method=\"GET\")(?=.*code=\"200\").*" + route, text, re.MULTILINE
    )
    for edge in ("0.1", "0.5", "2.0", "5.0"):
        assert f'wheelhouse_http_request_duration_seconds_bucket{{le="{edge}"}}' in text
    assert re.search(r"^wheelhouse_store_query_duration_seconds_bucket\{[^}]*le=\"0.1\"", text, re.MULTILINE)
    assert 'wheelhouse_orders_total{side="buy",status="filled"} ' in text
    assert re.search(r"^wheelhouse_store_connections\{state=\"\w+\"\} ", text, re.MULTILINE)
    for name in ("recommendation_duration_seconds_count", "market_data_age_seconds", "build_info{version="):
        assert f"wheelhouse_{name}" in text
    assert account not in text


def test_maintenance_answers_with_every_key(ask, tmp_path):
    for what, body in (("verify", {}), ("compact", {}), ("backup", {"path": str(tmp_path / "copy.db")})):
        done = ask("POST", f"/v1/maintenance/{what}", body)
        assert (done.status, done["ok"], done["problems"]) == (200, True, [])
        assert done.json.keys() == {"ok", "path", "rows", "checksums", "problems"}
    assert (tmp_path / "copy.db").exists()


def test_a_command_that_finds_the_file_held_names_the_holder_and_the_way_out(ask, tmp_path):
    url = f"duckdb:///{ask.server.database}"
    held = run(tmp_path, "keys", "create", "--role", "reader", "--database", url)
    assert (held.returncode, held.stdout) == (4, "")
    assert str(ask.server.process.pid) in held.stderr
    assert "--server URL" in held.stderr
    made = run(tmp_path, "keys", "create", "--role", "reader", "--server", ask.server.url, WHEELHOUSE_KEY=KEY)
    assert ask("GET", "/v1/about", key=made.stdout.split()[-1]).status == 200


def test_later_sources_of_settings_win_and_the_clock_keeps_its_pace(begin, tmp_path):
    (tmp_path / "default.toml").write_text(
        "[fees]\noption_contract = 1.5\nassignment = 9\n[market]\nstale_after = 77\n"
    )
    (tmp_path / "staging.toml").write_text("[fees]\nassignment = 5\n[rate_limit]\nrequests_per_second = 1\nburst = 9\n")
    key = run(tmp_path, "keys", "create", "--role", "admin", "--database", f"duckdb:///{tmp_path}/made.db")
    assert key.returncode == 0, key.stderr
    made = key.stdout.split()[-1]
    ask = begin(
        database=str(tmp_path / "made.db"), WHEELHOUSE_CONFIG_DIR=str(tmp_path), WHEELHOUSE_ENV="staging",
        WHEELHOUSE_FEES__OPTION_CONTRACT="0.5", WHEELHOUSE_CLOCK="2013-03-01T10:00:00-05:00@60x", WHEELHOUSE_FEED__REQUIRED="true",
    )  # fmt: skip
    first, began = ask("GET", "/v1/about", key=made), time.monotonic()
    assert (first.status, first["environment"]) == (200, "staging")
    put, ts = "PAC   130420P00010000", first["now"]
    ask.quotes(("PAC", 10.0, 10.1), (put, 0.5, 0.6), ts=ts)
    assert ask("GET", "/readyz").status == 200
    preview = {"legs": [{"symbol": put, "quantity": -1}], "type": "limit", "limit_price": 0.5}
    assert ask("POST", f"/v1/accounts/{ask.account()}/orders/preview", preview)["fees"] == 0.5
    time.sleep(max(0.0, 1.6 - (time.monotonic() - began)))
    second, lasted = ask("GET", "/v1/about", key=made), time.monotonic() - began
    passed = (datetime.fromisoformat(second["now"]) - datetime.fromisoformat(ts)).total_seconds()
    assert passed == pytest.approx(60 * lasted, rel=0.25)
    # More than 77 seconds of session have passed in less than two of the wall.
    assert ask.get("/v1/market/PAC")["state"] == "stale"
    unready = ask("GET", "/readyz")
    assert (unready.status, unready["status"]) == (503, "not_ready")
    assert ask("GET", "/livez").status == 200
    refused = next(it for it in (ask("GET", "/v1/about") for _ in range(30)) if it.status != 200)
    assert (refused.status, refused["title"]) == (429, "Too Many Requests")
    assert int(refused.headers["retry-after"]) >= 1
    assert ask("GET", "/v1/about", key=made).status == 200
