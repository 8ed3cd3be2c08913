"""What this version can do, as `/v1/about` lists it. What is not here answers 501."""

from typing import Final

CAPABILITIES: Final[tuple[str, ...]] = (
    "market",
    "bars",
    "chain",
    "terms",
    "surface",
    "regime",
    "instruments",
    "ingestion.sample",
    "accounts",
    "orders",
    "preview",
    "ledger",
    "events",
    "recommendations",
    "risk",
    "hedge",
    "sizing",
    "rebalance",
    "performance",
    "expirations",
    "end_of_day",
    "halt",
    "keys",
    "backup",
    "verify",
    "compact",
)
