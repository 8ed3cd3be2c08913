-- History of quotes and bars. Uniqueness of (symbol, ts) is kept by the one writer and checked by verification instead of by an
-- index, which doubles the file and halves the speed of writing. Null is unknown.
CREATE TABLE quotes (
    symbol TEXT NOT NULL,
    ts TIMESTAMPTZ NOT NULL,
    bid DOUBLE PRECISION,
    ask DOUBLE PRECISION,
    bid_size DOUBLE PRECISION,
    ask_size DOUBLE PRECISION,
    last DOUBLE PRECISION,
    volume DOUBLE PRECISION,
    open_interest DOUBLE PRECISION,
    evidence TEXT NOT NULL
);

-- The newest quote of each symbol again, so that a chain is read without touching the history.
CREATE TABLE latest_quotes (
    symbol TEXT PRIMARY KEY,
    underlying TEXT NOT NULL,
    ts TIMESTAMPTZ NOT NULL,
    bid DOUBLE PRECISION,
    ask DOUBLE PRECISION,
    bid_size DOUBLE PRECISION,
    ask_size DOUBLE PRECISION,
    last DOUBLE PRECISION,
    volume DOUBLE PRECISION,
    open_interest DOUBLE PRECISION,
    evidence TEXT NOT NULL
);

CREATE TABLE bars (
    bar_interval TEXT NOT NULL,
    symbol TEXT NOT NULL,
    ts TIMESTAMPTZ NOT NULL,
    open DOUBLE PRECISION,
    high DOUBLE PRECISION,
    low DOUBLE PRECISION,
    close DOUBLE PRECISION,
    volume DOUBLE PRECISION,
    adjusted_close DOUBLE PRECISION
);

-- Records that the quality rules refused, as they came.
CREATE TABLE quarantine (
    kind TEXT NOT NULL,
    received_at TIMESTAMPTZ NOT NULL,
    rule TEXT NOT NULL,
    detail TEXT NOT NULL,
    record TEXT NOT NULL
);

CREATE TABLE terms (
    symbol TEXT PRIMARY KEY,
    document TEXT NOT NULL
);

CREATE TABLE instruments (
    symbol TEXT PRIMARY KEY,
    underlying TEXT NOT NULL,
    expiry DATE NOT NULL,
    document TEXT NOT NULL
);
