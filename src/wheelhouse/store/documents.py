"""Values that are stored as one JSON text each: what is always read and written whole, and never searched."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Final, TypeVar

import msgspec

from wheelhouse.errors import StoreError
from wheelhouse.ledger.orders import Fill, Leg, Reason
from wheelhouse.market.events import Terms
from wheelhouse.market.instruments import OptionContract

T = TypeVar("T")


def _encode_other(value: object) -> str:
    if isinstance(value, Fraction):
        return str(value)
    raise NotImplementedError(f"{type(value).__name__} has no form in a stored document")


def _decode_other(wanted: type, value: object) -> Fraction:
    if wanted is Fraction:
        return Fraction(str(value))
    raise NotImplementedError(f"{wanted.__name__} has no form in a stored document")


_encoder: Final = msgspec.json.Encoder(enc_hook=_encode_other)

LEGS: Final = msgspec.json.Decoder(tuple[Leg, ...])
FILLS: Final = msgspec.json.Decoder(tuple[Fill, ...])
REASONS: Final = msgspec.json.Decoder(tuple[Reason, ...])
DETAIL: Final[msgspec.json.Decoder[dict[str, str]]] = msgspec.json.Decoder(dict[str, str])
TERMS: Final = msgspec.json.Decoder(Terms, dec_hook=_decode_other)
CONTRACT: Final = msgspec.json.Decoder(OptionContract)


def encode(value: object) -> str:
    """Write a value as JSON; Decimals and fractions become texts, so that they come back exactly."""
    return _encoder.encode(dict(value) if isinstance(value, Mapping) else value).decode()


def decode(text: str, decoder: msgspec.json.Decoder[T], what: str) -> T:
    """Read a value back; `what` names the record in the error.

    Raises
    ------
    StoreError
        If the text does not hold such a value.
    """
    try:
        return decoder.decode(text)
    except (msgspec.DecodeError, ValueError) as error:
        raise StoreError(f"{what} holds {text[:200]!r}, which cannot be read: {error}; restore a backup") from error
