"""The truth on disk: market data, accounts and their ledger, keys. Open it with `wheelhouse.store.opening.open_store`."""
