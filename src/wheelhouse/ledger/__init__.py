"""The events of an account and the fold that makes an account of them."""
