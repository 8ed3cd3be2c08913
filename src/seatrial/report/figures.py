"""How figures read for people. Reports for machines hold them unrounded."""

from seatrial.verdict.measurement import Measurement, Unit

__all__ = ["show", "show_bytes", "show_measurement", "show_objective", "show_samples", "show_share"]

_BYTE_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def show_bytes(value: float) -> str:
    """Binary multiples.

    >>> show_bytes(1_073_741_824)
    '1.0 GiB'
    """
    unit = _BYTE_UNITS[0]
    for unit in _BYTE_UNITS:
        if abs(value) < 1024 or unit == _BYTE_UNITS[-1]:
            break
        value /= 1024
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"


def show_share(value: float | None, digits: int = 1) -> str:
    """A share as a percentage; a dash for none.

    >>> show_share(0.8542)
    '85.4%'
    """
    return "-" if value is None else f"{value:.{digits}%}"


def show(value: float | None, unit: Unit) -> str:
    """A figure with its unit; a dash for none.

    >>> show(0.0123, Unit.SECONDS), show(2.5, Unit.SECONDS), show(0.051, Unit.RATIO)
    ('12.3 ms', '2.5 s', '5.1%')
    """
    if value is None:
        return "-"
    match unit:
        case Unit.SECONDS:
            return f"{value * 1000:.3g} ms" if 0 < abs(value) < 1 else f"{_plain(value)} s"
        case Unit.RATIO:
            return f"{value * 100:.4g}%"
        case Unit.BYTES:
            return show_bytes(value)
        case Unit.BYTES_PER_1000_OPERATIONS:
            return f"{show_bytes(value)} per 1000 operations"
        case Unit.COUNT_PER_1000_OPERATIONS:
            return f"{_plain(value)} per 1000 operations"
        case Unit.PER_SECOND:
            return f"{_plain(value)}/s"
        case Unit.PER_MINUTE:
            return f"{_plain(value)}/min"
        case Unit.USD:
            return f"{value:.2f} USD"
        case Unit.VOL_POINTS:
            return f"{_plain(value)} vol points"
        case Unit.COUNT | Unit.DELTA | Unit.SCORE:
            return _plain(value)


def _plain(value: float) -> str:
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value)}"
    return f"{value:.4g}" if abs(value) < 1000 else f"{value:.1f}"


def show_objective(measurement: Measurement) -> str:
    """The limit in words, or nothing."""
    objective = measurement.objective
    if objective is None:
        return ""
    return f"{objective.comparison} {show(objective.limit, measurement.unit)}"


def show_samples(measurement: Measurement) -> str:
    """How many samples carry a value, and the bound that decided."""
    text = f"{measurement.samples} sample{'' if measurement.samples == 1 else 's'}"
    return text if measurement.bound is None else f"{text}, bound {show(measurement.bound, measurement.unit)}"


def show_measurement(measurement: Measurement) -> str:
    """One line: value, limit, samples and bound."""
    parts = [show(measurement.value, measurement.unit)]
    if measurement.objective is not None:
        parts.append(f"{measurement.objective.level} {show_objective(measurement)}")
    return f"{', '.join(parts)} ({show_samples(measurement)})"
