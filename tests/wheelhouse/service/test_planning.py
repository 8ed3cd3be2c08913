"""Hedges, sizes and rebalancing of real accounts, recomputed from the chain, the account and its risk."""

import pytest


async def chain_of(ask, symbol="AAPL"):
    return {c["symbol"]: c for c in (await ask("GET", f"/v1/market/{symbol}/chain")).json["contracts"]}


async def put_near(ask, delta, symbol="AAPL"):
    contracts = (await chain_of(ask, symbol)).values()
    usable = [c for c in contracts if c["right"] == "put" and c["delta"] is not None and c["expiry"] > "2013-03-20"]
    return min(usable, key=lambda c: abs(c["delta"] + delta))


async def test_capabilities(ask):
    capabilities = (await ask("GET", "/v1/about")).json["capabilities"]
    assert {"hedge", "sizing", "rebalance"} <= set(capabilities)
    for path in ("hedge", "sizing?symbol=AAPL", "rebalance"):
        assert (await ask("GET", f"/v1/accounts/nobody/{path}")).status == 404


async def test_every_hedge_leaves_what_it_says(ask):
    put = await put_near(ask, 0.3)
    positions = [
        {"symbol": "AAPL", "quantity": 300, "cost_basis": 420.0},
        {"symbol": put["symbol"], "quantity": -2, "cost_basis": 8.0},
    ]
    account = await ask.account(cash=300_000.0, kind="margin", positions=positions)
    before = (await ask("GET", f"/v1/accounts/{account}/risk")).json
    proposals = (await ask("GET", f"/v1/accounts/{account}/hedge")).json["proposals"]
    chain = await chain_of(ask)
    assert {p["kind"] for p in proposals} >= {"buy_back", "protective_put", "collar"}
    equity = (await ask("GET", f"/v1/accounts/{account}")).json["equity"]
    for item in proposals:
        assert set(item) == {"kind", "legs", "cost", "delta_after", "vega_after", "es_after"}
        cost = delta = vega = 0.0
        for leg in item["legs"]:
            contract, count = chain[leg["symbol"]], leg["quantity"]
            cost += 100 * count * (contract["ask"] if count > 0 else contract["bid"]) + 0.65 * abs(count)
            delta += 100 * count * contract["delta"]
            vega += 100 * count * contract["vega_per_vol_point"]
        assert item["cost"] == pytest.approx(cost, abs=0.01)
        assert item["cost"] <= 0.02 * equity
        assert item["delta_after"] == pytest.approx(before["exposure"]["delta_shares"] + delta)
        assert item["vega_after"] == pytest.approx(before["exposure"]["vega_per_vol_point"] + vega)
        assert abs(item["delta_after"]) < before["exposure"]["delta_shares"]
        assert 0 <= item["es_after"] < before["es"]["historical"]["0.95"]
    shortfalls = [p["es_after"] for p in proposals]
    assert shortfalls == sorted(shortfalls)
    assert (await ask("GET", f"/v1/accounts/{account}/hedge")).json["proposals"] == proposals

    # An account that holds the hedge has the risk that the proposal said.
    for item in (proposals[0], next(p for p in proposals if p["kind"] == "collar")):
        held = {p["symbol"]: p["quantity"] for p in positions}
        for leg in item["legs"]:
            held[leg["symbol"]] = held.get(leg["symbol"], 0) + leg["quantity"]
        hedged = await ask.account(
            cash=300_000.0,
            kind="margin",
            positions=[{"symbol": s, "quantity": q, "cost_basis": 1.0} for s, q in held.items() if q],
        )
        risk = (await ask("GET", f"/v1/accounts/{hedged}/risk")).json
        assert risk["exposure"]["delta_shares"] == pytest.approx(item["delta_after"])
        assert risk["exposure"]["vega_per_vol_point"] == pytest.approx(item["vega_after"])
        assert risk["es"]["historical"]["0.95"] == pytest.approx(item["es_after"], rel=1e-6)

    near = (await ask("GET", f"/v1/accounts/{account}/hedge?target_delta=300")).json["proposals"]
    start = before["exposure"]["delta_shares"]
    assert near
    assert all(abs(p["delta_after"] - 300) < abs(start - 300) for p in near)
    assert (await ask("GET", f"/v1/accounts/{account}/hedge?target_delta=nan")).status in (400, 422)


async def test_nothing_to_hedge_is_no_proposal(ask):
    account = await ask.account()
    assert (await ask("GET", f"/v1/accounts/{account}/hedge")).json == {"proposals": []}
    unpriced = await ask.account(positions=[{"symbol": "NOQUOTE", "quantity": 100, "cost_basis": 1.0}])
    assert (await ask("GET", f"/v1/accounts/{unpriced}/hedge")).json == {"proposals": []}


async def test_sizes_are_whole_capped_and_named(ask):
    rich = await ask.account(cash=5_000_000.0)
    size = (await ask("GET", f"/v1/accounts/{rich}/sizing?symbol=AAPL")).json
    assert set(size) == {"symbol", "contracts", "kelly", "caps", "binding"}
    best = (await ask("GET", f"/v1/accounts/{rich}/recommendations?symbol=AAPL")).json["recommendations"][0]
    assert size["symbol"] == best["legs"][0]["symbol"]
    assert set(size["caps"]) == {"kelly", "cash", "name", "sector", "contracts"}
    limits = {name: count for name, count in size["caps"].items() if count is not None}
    assert size["contracts"] == min(limits.values()) == limits[size["binding"]]
    contract = (await chain_of(ask))[size["symbol"]]
    assert size["caps"]["kelly"] == int(0.25 * size["kelly"] * 5_000_000.0 / (100 * contract["strike"]) + 1e-6)
    assert size["caps"]["cash"] == int(5_000_000.0 / (100 * contract["strike"]))
    assert size["caps"]["contracts"] == 10

    poor = await ask.account(cash=1_000.0)
    named = size["symbol"].replace(" ", "")
    none = (await ask("GET", f"/v1/accounts/{poor}/sizing?symbol={named}")).json
    assert (none["contracts"], none["caps"]["cash"]) == (0, 0)
    assert none["kelly"] == size["kelly"]
    call = next(c["symbol"] for c in (await chain_of(ask)).values() if c["right"] == "call").replace(" ", "")
    assert (await ask("GET", f"/v1/accounts/{poor}/sizing?symbol={call}")).status == 422
    assert (await ask("GET", f"/v1/accounts/{poor}/sizing?symbol=NOBODY")).status == 404
    assert (await ask("GET", f"/v1/accounts/{poor}/sizing")).status == 400


async def test_names_come_back_within_the_soft_band(ask):
    spots = {n: (await ask("GET", f"/v1/market/{n}")).json["spot"] for n in ("AAPL", "MSFT")}
    positions = [
        {"symbol": "AAPL", "quantity": 200, "cost_basis": 400.0},
        {"symbol": "MSFT", "quantity": 100, "cost_basis": 25.0},
    ]
    account = await ask.account(cash=50_000.0, positions=positions)
    found = (await ask("GET", f"/v1/accounts/{account}/rebalance")).json
    assert set(found) == {"trades", "weights_before", "weights_after", "turnover"}
    equity = 50_000 + 200 * spots["AAPL"] + 100 * spots["MSFT"]
    assert found["weights_before"] == pytest.approx(
        {"AAPL": 200 * spots["AAPL"] / equity, "MSFT": 100 * spots["MSFT"] / equity}, rel=1e-4
    )
    held = {"AAPL": 200, "MSFT": 100}
    traded = 0.0
    for trade in found["trades"]:
        assert set(trade) == {"legs", "reason"}
        for leg in trade["legs"]:
            held[leg["symbol"]] += leg["quantity"]
            traded += abs(leg["quantity"]) * spots[leg["symbol"]]
    assert found["weights_after"] == pytest.approx({n: held[n] * spots[n] / equity for n in held}, rel=1e-4)
    assert found["turnover"] == pytest.approx(traded / equity, rel=1e-4)
    even = sum(found["weights_before"].values()) / 2
    assert all(abs(weight - even) <= 0.05 + 1e-6 for weight in found["weights_after"].values())

    single = await ask.account(cash=50_000.0, positions=positions[:1])
    assert (await ask("GET", f"/v1/accounts/{single}/rebalance")).json["trades"] == []
    empty = (await ask("GET", f"/v1/accounts/{await ask.account()}/rebalance")).json
    assert empty == {"trades": [], "weights_before": {}, "weights_after": {}, "turnover": 0.0}
