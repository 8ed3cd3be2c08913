import pytest

from wheelhouse.service.auth import RateLimiter


async def make(ask, role):
    answer = await ask("POST", "/v1/keys", {"role": role, "name": f"a {role}"})
    assert answer.status == 201
    return answer.json["id"], answer.json["key"]


@pytest.mark.parametrize("path", ["/v1/about", "/v1/accounts", "/v1/market/AAPL", "/v1/keys"])
async def test_every_route_of_v1_needs_a_key(ask, path):
    for key in (None, "wrong"):
        answer = await ask("GET", path, key=key)
        assert answer.status == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_both_headers_are_understood(ask):
    _, key = await make(ask, "reader")
    assert (await ask("GET", "/v1/about", key=None, X_API_Key=key)).status == 200
    assert (await ask("GET", "/v1/about", key=None, Authorization=f"bearer {key}")).status == 200
    assert (await ask("GET", "/v1/about", key=None, Authorization=f"Basic {key}")).status == 401


async def test_roles(ask):
    _, reader = await make(ask, "reader")
    _, trader = await make(ask, "trader")
    order = {"legs": [{"symbol": "AAPL", "quantity": 1}], "type": "market"}
    account = await ask.account()
    assert (await ask("GET", f"/v1/accounts/{account}", key=reader)).status == 200
    assert (await ask("POST", f"/v1/accounts/{account}/orders/preview", order, key=reader)).status == 200
    assert (await ask("POST", f"/v1/accounts/{account}/orders", order, key=reader, Idempotency_Key="1")).status == 403
    assert (await ask("POST", "/v1/halt", key=reader)).status == 403
    assert (await ask("POST", f"/v1/accounts/{account}/orders", order, key=trader, Idempotency_Key="1")).status == 201
    for method, path, body in (
        ("POST", "/v1/keys", {"role": "reader"}),
        ("GET", "/v1/keys", None),
        ("POST", "/v1/maintenance/verify", None),
        ("POST", "/v1/market/quotes?replace=true", {"quotes": []}),
    ):
        assert (await ask(method, path, body, key=trader)).status == 403


async def test_keys_are_listed_without_secrets_and_end_when_revoked(ask):
    key_id, key = await make(ask, "reader")
    listed = await ask("GET", "/v1/keys?limit=1000")
    mine = next(item for item in listed.json["keys"] if item["id"] == key_id)
    assert set(mine) == {"id", "name", "role", "created_at", "revoked_at"}
    assert key.encode() not in listed.body
    assert (await ask("DELETE", f"/v1/keys/{key_id}")).status == 204
    assert (await ask("GET", "/v1/about", key=key)).status == 401
    assert (await ask("DELETE", f"/v1/keys/{key_id}")).status == 204
    assert (await ask("DELETE", "/v1/keys/none")).status == 404


async def test_no_key_is_on_disk_or_in_the_log(ask, server):
    _, key = await make(ask, "admin")
    await ask("GET", "/v1/about", key=key)
    stored = b"".join(path.read_bytes() for path in server.database.parent.glob(server.database.name + "*"))
    for secret in (key, "a-bootstrap-key-of-many-characters"):
        assert secret.encode() not in stored
        assert secret not in server.log.read_text()


@pytest.mark.parametrize("role", ["", "root", None])
async def test_unknown_roles_are_unprocessable(ask, role):
    assert (await ask("POST", "/v1/keys", {"role": role})).status == 422


def test_the_bucket_refills_in_real_time():
    now = [0.0]
    limiter = RateLimiter(2.0, 3, monotonic=lambda: now[0])
    assert [limiter.admit("a") for _ in range(3)] == [0.0, 0.0, 0.0]
    assert limiter.admit("a") == pytest.approx(0.5)
    assert limiter.admit("b") == 0.0
    now[0] = 0.5
    assert limiter.admit("a") == 0.0
    assert limiter.admit("a") > 0
    now[0] = 1000.0
    assert [limiter.admit("a") == 0.0 for _ in range(4)] == [True, True, True, False]


def test_without_a_rate_there_is_no_limit():
    limiter = RateLimiter(None)
    assert {limiter.admit("a") for _ in range(1000)} == {0.0}


async def test_too_many_requests_say_when_to_come_back(launch, client_of):
    own = launch(WHEELHOUSE_RATE_LIMIT__REQUESTS_PER_SECOND="0.5", WHEELHOUSE_RATE_LIMIT__BURST="2")
    ask = client_of(own)
    statuses = [(await ask("GET", "/v1/about")).status for _ in range(2)]
    refused = await ask("GET", "/v1/about")
    assert (statuses, refused.status) == ([200, 200], 429)
    assert 1 <= int(refused.headers["retry-after"]) <= 2
    assert (await ask("GET", "/livez")).status == 200
