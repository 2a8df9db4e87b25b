"""One infusion channel of a pump, as last reported, and what changed since the report before."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

import msgspec

from monitor_daemon.core.dose import concentration, exact, per_hour
from monitor_daemon.core.drugs import Drug, DrugTable
from monitor_daemon.core.events import HOUR, MINUTE, Flow

#: Data older than this on arrival are late (reference 0.7).
LATE: Final = 2 * MINUTE
#: A syringe with another concentration is compared with those of the last so many minutes.
_SYRINGES: Final = HOUR
#: Rates (mL/h) that differ by no more than this factor are unchanged.
_SAME_RATE: Final = Decimal("1.01")
#: Statuses in which the steady rate runs. KVO, purge and bolus volumes are real drug but no dose.
_STEADY: Final = frozenset({"running", "bolus", "alarm", "unknown"})
_ZERO: Final = Decimal(0)


class Channel(msgspec.Struct):
    """One channel as last reported: steady `rate` in mL/h, `strength` in ug/mL base or U/mL.

    `label` is the strength as the label counts it. A pump that tells its dose but no concentration
    has a strength computed from both, and `derived`. `ran` is the last rate above 0, `dosed` the
    pump's own dose in ug/h or U/h as the label counts, `weight` (kg) the one the pump uses.
    `bolus` is the start of a bolus and `volume` (mL) what was infused by then. `words` is the
    report itself.
    """

    drug: str | None
    group: str | None
    status: str
    rate: Decimal
    strength: Decimal | None
    derived: bool
    seen: int
    measured: int
    label: Decimal | None = None
    ran: Decimal = _ZERO
    dosed: Decimal | None = None
    weight: float | None = None
    bolus: int | None = None
    volume: float | None = None
    words: Flow | None = None

    @property
    def tells(self) -> tuple[object, ...]:
        """What rules may look at: a change of it is judged at once."""
        shown = None if self.words is None else (self.words.dose, self.words.dose_unit)
        return self.drug, self.rate, self.strength, self.status, self.weight, shown

    def said(self, flow: Flow) -> bool:
        """Whether `flow` says word for word what is known; then it only shows the pump alive."""
        return self.words is not None and self.bolus is None and same_words(flow, self.words)


def same_words(one: Flow, two: Flow) -> bool:
    """Whether two reports say the same of a channel, whenever it was said."""
    return (
        one.rate == two.rate
        and one.status == two.status
        and one.drug == two.drug
        and one.concentration == two.concentration
        and one.unit == two.unit
        and one.dose == two.dose
        and one.dose_unit == two.dose_unit
        and one.weight == two.weight
    )


class Bolus(msgspec.Struct, frozen=True):
    """A bolus that ended at `at`: `amount` in ug of base or U, None if the pump did not tell."""

    drug: str
    at: int
    amount: Decimal | None


class ConcentrationChange(msgspec.Struct, frozen=True):
    """At `at` a syringe of `drug` took over at the same mL/h with `ratio` times the strength."""

    drug: str
    at: int
    ratio: Decimal


def report(known: Channel | None, flow: Flow, drugs: DrugTable, now: int, measured: int) -> Channel:
    """The channel as `flow` tells it at `now`, being so since `measured` (ms)."""
    entry = drugs.entries.get(flow.drug) if flow.drug else None
    rate = _steady(known, flow, entry)
    label = dosed = None
    derived = flow.derived
    if entry is not None:
        in_units = entry.group == "vasopressin"
        label = concentration(flow.concentration, flow.unit, in_units=in_units)
        dosed = shown_dose(flow, flow.weight, in_units=in_units)
        if label is None and dosed and rate > 0:
            label, derived = dosed / rate, True
    return Channel(
        drug=entry.drug if entry else None,
        group=entry.group if entry else None,
        status=flow.status,
        rate=rate,
        strength=None if label is None or entry is None else label * entry.factor,
        derived=derived,
        # Late news must not make a silent pump look heard.
        seen=now if now - measured <= LATE else measured,
        measured=measured,
        label=label,
        ran=rate if rate > 0 or known is None else known.ran,
        dosed=dosed,
        weight=flow.weight,
        bolus=known.bolus if known else None,
        volume=known.volume if known else None,
        words=flow,
    )


def shown_dose(flow: Flow, weight: float | None, *, in_units: bool) -> Decimal | None:
    """The pump's own dose in ug/h, or U/h if `in_units`; one per kg for a patient of `weight` kg.

    None if the pump tells none, or counts units where the drug has a mass and the other way round.
    """
    if (flow.dose_unit or "").partition("/")[0].endswith("U") != in_units:
        return None
    return per_hour(flow.dose, flow.dose_unit, weight)


def _steady(known: Channel | None, flow: Flow, entry: Drug | None) -> Decimal:
    """The rate that is a dose; during a bolus the one before: some pumps tell the bolus's."""
    if flow.status == "bolus" and known and entry and known.drug == entry.drug:
        return known.rate
    return exact(flow.rate or 0.0) if flow.status in _STEADY else _ZERO


def strength_changes(
    channel: Channel, others: Iterable[Channel], now: int
) -> list[ConcentrationChange]:
    """Where `channel` takes over from one of `others` at an unchanged rate (3.5)."""
    found = []
    for other in others:
        if other.drug != channel.drug or channel.drug is None or now - other.seen > _SYRINGES:
            continue
        if not (other.strength and channel.strength and other.ran and channel.rate):
            continue
        slower, faster = sorted((other.ran, channel.rate))
        ratio = channel.strength / other.strength
        if faster <= slower * _SAME_RATE and ratio != 1:
            found.append(ConcentrationChange(channel.drug, now, ratio))
    return found


def finish_bolus(known: Channel, channel: Channel, flow: Flow, now: int) -> Bolus | None:
    """The bolus that is over: its volume is what was infused beyond the steady rate."""
    if flow.status == "bolus":
        if channel.bolus is None:
            channel.bolus, channel.volume = now, flow.volume
        return None
    if known.bolus is None or known.drug is None:
        return None
    channel.bolus = channel.volume = None
    amount = None
    if flow.volume is not None and known.volume is not None and known.strength is not None:
        steady = known.rate * (now - known.bolus) / HOUR
        beyond = exact(flow.volume) - exact(known.volume) - steady
        amount = max(_ZERO, beyond) * known.strength
    return Bolus(known.drug, now, amount)
