"""What a figure was asked to be, and whether it was reached, for the end of a report's line."""


def at_least(value: float, limit: float) -> str:
    return f"(at least {limit:,g}: {_reached(value >= limit)})"


def at_most(value: float, limit: float) -> str:
    return f"(at most {limit:,g}: {_reached(value <= limit)})"


def under(value: float, limit: float) -> str:
    return f"(under {limit:,g}: {_reached(value < limit)})"


def _reached(holds: bool) -> str:
    return "reached" if holds else "NOT reached"
