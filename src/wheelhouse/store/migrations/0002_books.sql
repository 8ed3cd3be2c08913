-- last_sequence and cash repeat what the ledger sums to: the first makes appending compare-and-swap, both let verification notice a
-- lost event.
CREATE TABLE accounts (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    halted BOOLEAN NOT NULL,
    last_sequence BIGINT NOT NULL,
    cash NUMERIC(18, 2) NOT NULL
);

CREATE TABLE ledger_events (
    account_id TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    id TEXT NOT NULL,
    ts TIMESTAMPTZ NOT NULL,
    kind TEXT NOT NULL,
    symbol TEXT,
    quantity BIGINT NOT NULL,
    -- A share's part of a delivery may have no end of decimals; then price is rounded and exact_price is what was booked.
    price NUMERIC(18, 6),
    exact_price TEXT,
    cash NUMERIC(18, 2) NOT NULL,
    order_id TEXT,
    external_id TEXT,
    detail TEXT NOT NULL,
    PRIMARY KEY (account_id, sequence),
    UNIQUE (account_id, id)
);

CREATE TABLE orders (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    legs TEXT NOT NULL,
    type TEXT NOT NULL,
    limit_price NUMERIC(18, 6),
    effect TEXT,
    time_in_force TEXT NOT NULL,
    status TEXT NOT NULL,
    fills TEXT NOT NULL,
    reasons TEXT NOT NULL,
    idempotency_key TEXT
);

CREATE TABLE idempotency (
    account_id TEXT NOT NULL,
    key TEXT NOT NULL,
    body_hash TEXT NOT NULL,
    status INTEGER NOT NULL,
    response BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (account_id, key)
);

CREATE TABLE equity (
    account_id TEXT NOT NULL,
    day DATE NOT NULL,
    equity NUMERIC(18, 2) NOT NULL,
    flow NUMERIC(18, 2) NOT NULL,
    PRIMARY KEY (account_id, day)
);

CREATE TABLE switches (
    name TEXT PRIMARY KEY,
    engaged BOOLEAN NOT NULL
);

CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    hash TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    revoked_at TIMESTAMPTZ
);
