"""The parameters of infusion pumps in one OBR group to one row for each pump.

Containment, codes and status words are those of the IHE PCD Technical Framework (PCD-01, PCD-10);
what gateways make of them (a programmed rate that outlives the end of an infusion) is from captured
messages.
"""

from dataclasses import dataclass, field
from typing import Final

from drivers.hl7.pump_words import AT_REST, OWN_RATE, status_of, status_word
from drivers.hl7.units import CONCENTRATIONS, DOSES, factor, unit_of
from drivers.hl7.values import worst
from drivers.kit.drug_name import concentration as named_concentration
from monitor_daemon.core.vocabulary import VALUED, Infusion, PumpStatus, Quality, Row, Unmapped

#: No text length at which an HL7 sender is known to cut a drug's name.
_NO_LIMIT: Final = 1 << 30
#: Of these a row is made; a weight or a library name alone is no infusion.
_TELLING: Final = frozenset({"flow_now", "flow", "dose", "status", "delivery", "event"})

Place = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Value:
    """One parameter as sent: all its words, the word for people, its number, unit, trust, time."""

    text: str
    label: str
    number: float | None
    unit: str
    quality: Quality
    time: str | None
    source: str

    def amount(self, target: str) -> float | None:
        """The number in `target` units if it may be used, else None."""
        if self.number is None or self.quality not in VALUED:
            return None
        convert = factor(target, unit_of(self.unit))
        if convert is None:
            return None
        return self.number if convert == (1.0, 0.0) else round(self.number * convert[0], 4)


@dataclass(slots=True)
class PumpGroup:
    """What one OBR group said about pumps, by place in the containment (MDS, VMD, channel)."""

    order: str = ""
    _roles: dict[Place, str] = field(default_factory=dict)
    _ids: dict[Place, str] = field(default_factory=dict)
    _values: dict[Place, dict[str, Value]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self._values) or "pump" in self._roles.values()

    def level(self, obx4: str, role: str, device_id: str | None) -> None:
        """A device OBX: the `role` and identity of a level."""
        place = _place(obx4)
        self._roles[place] = role
        if device_id:
            self._ids[place] = device_id

    def put(self, obx4: str, name: str, value: Value) -> None:
        """A pump's parameter; the first of its name at a place holds."""
        self._values.setdefault(_place(obx4), {}).setdefault(name, value)

    def rows(self, bed: str | None, patient: str | None) -> list[Row]:
        """An infusion for each pump, and what of it has a unit nobody knows."""
        pumps = self._pumps()
        rows: list[Row] = []
        for pump, places in pumps.items():
            mds = [place for place in pumps if place[0] == pump[0]]
            channel = self._channel(pump, alone=len(mds) == 1)
            rows += _Pump(self, pump, places).rows(channel, bed, patient)
        return rows

    def _pumps(self) -> dict[Place, list[Place]]:
        """The places of each pump: a VMD with its channels, or one channel behind a monitor."""
        pumps: dict[Place, list[Place]] = {}
        for place in self._values:
            mds, vmd, _ = place
            pump = (mds, vmd) if self._whole(mds, vmd) else place
            pumps.setdefault(pump, []).append(place)
        telling = {
            pump: places
            for pump, places in pumps.items()
            if any(_TELLING & self._values[place].keys() for place in places)
        }
        # What stands at the MDS (weight, event) is about the pumps inside, if there are any.
        inside = {pump[0] for pump in telling if pump[1] != "0"}
        return {
            pump: places
            for pump, places in telling.items()
            if pump[1] != "0" or pump[0] not in inside
        }

    def _whole(self, mds: str, vmd: str) -> bool:
        owner = self._roles.get((mds, "0", "0"))
        inside = {self._roles.get(place) for place in self._roles if place[:2] == (mds, vmd)}
        return owner in {None, "pump"} or bool(inside & {"delivery", "source"})

    def _channel(self, pump: Place, *, alone: bool) -> str:
        """The pump's own id; else the OBX-4 of its level without the last element."""
        mds = (pump[0], "0", "0")
        place = (*pump, "0")[:3]
        if place in self._ids:
            return self._ids[place]
        if alone and self._roles.get(mds) in {None, "pump"}:
            return self._ids.get(mds) or ".".join(mds)
        return ".".join(place)

    def role(self, place: Place) -> str:
        """The role of a level that a device OBX declared, else empty."""
        return self._roles.get(place, "")

    def at(self, place: Place, name: str) -> Value | None:
        """The parameter `name` at `place`."""
        return self._values.get(place, {}).get(name)


class _Pump:
    """One pump: which of its sources delivers, and what that means."""

    def __init__(self, group: PumpGroup, pump: Place, places: list[Place]) -> None:
        self._group = group
        self._places = places
        delivery = [place for place in places if group.role(place) == "delivery"]
        self._delivery = delivery
        sources = [place for place in places if place not in delivery and place[2:] != ("0",)]
        active = self._active(sources)
        levels = [(*pump[:2], "0"), (pump[0], "0", "0")]
        self._order = list(dict.fromkeys([*active, *delivery, *levels]))
        self._delivery_first = list(dict.fromkeys([*delivery, *self._order]))

    def rows(self, channel: str, bed: str | None, patient: str | None) -> list[Row]:
        status = self._status()
        used = [value for place in self._places for value in self._all(place)]
        quality = self._trust(status)
        valued = quality in VALUED
        drug = self._drug()
        concentration, unit = self._strength("concentration", CONCENTRATIONS)
        derived = named_concentration(drug, _NO_LIMIT) if drug and not concentration else None
        if derived:
            concentration, unit = derived
        dose, dose_unit = self._strength("dose", DOSES)
        weight, volume = self._first("weight"), self._first("volume")
        stamp = self._flow() or self._first("status") or self._first("delivery")
        infusion = Infusion(
            channel=channel,
            drug=drug,
            rate_ml_h=self._rate(status) if valued else None,
            status=status,
            quality=quality,
            concentration=concentration if valued and concentration else None,
            concentration_unit=unit if valued and concentration else None,
            concentration_derived=True if valued and derived else None,
            dose=dose if valued else None,
            dose_unit=dose_unit if valued and dose is not None else None,
            weight_kg=weight.amount("kg") if weight else None,
            volume_ml=volume.amount("mL") if volume else None,
            device_time=stamp.time if stamp else next(iter(used)).time,
            bed=bed,
            patient=patient,
        )
        return [infusion, *self._unmapped()]

    def _all(self, place: Place) -> list[Value]:
        names = (*_TELLING, "concentration")
        return [value for name in names if (value := self._group.at(place, name))]

    def _first(self, name: str, *, delivery: bool = False) -> Value | None:
        for place in self._delivery_first if delivery else self._order:
            value = self._group.at(place, name)
            if value is not None:
                return value
        return None

    def _active(self, sources: list[Place]) -> list[Place]:
        """The source that says it delivers, else the first that has a flow or a drug."""
        for place in sources:
            delivery = self._group.at(place, "delivery")
            if delivery and status_word(delivery.text) in {PumpStatus.RUNNING, PumpStatus.KVO}:
                return [place]
        for place in sources:
            if any(self._group.at(place, name) for name in ("flow", "flow_now", "drug", "status")):
                return [place]
        return sources[:1]

    def _flow(self) -> Value | None:
        return self._first("flow_now", delivery=True) or self._first("flow", delivery=True)

    def _status(self) -> PumpStatus:
        said = {
            name: value.text
            for name in ("delivery", "reason", "event")
            if (value := self._first(name))
        }
        said |= {
            name: value.text
            for name in ("status", "sources")
            if (value := self._first(name, delivery=True))
        }
        return status_of(said)

    def _rate(self, status: PumpStatus) -> float | None:
        """What flows now; the programmed rate only while the pump is not said to do another thing.

        At rest it is 0 unless the wire's current flow contradicts (`_trust` marks that).
        """
        now = self._first("flow_now", delivery=True)
        flows = now.amount("mL/h") if now else None
        if flows is not None:
            return flows
        if status in AT_REST:
            return 0.0
        flow = self._first("flow", delivery=True)
        if status in OWN_RATE:
            flow = next(
                (f for place in self._delivery if (f := self._group.at(place, "flow"))), None
            )
        return flow.amount("mL/h") if flow else None

    def _trust(self, status: PumpStatus) -> Quality:
        values = [value for place in self._places for value in self._all(place)]
        if any(value.quality is Quality.NOT_PATIENT for value in values):
            return Quality.NOT_PATIENT
        rate, flow = self._rate(status), self._flow()
        if status in AT_REST:
            return Quality.QUESTIONABLE if rate else Quality.GOOD
        if rate is None and status not in OWN_RATE:
            return worst(Quality.NO_VALUE, flow.quality if flow else Quality.GOOD)
        return flow.quality if flow and rate is not None else Quality.GOOD

    def _drug(self) -> str | None:
        """The label, else the drug's type, else what OBR-4 orders, in the wire's words."""
        for name in ("drug", "drug_type"):
            value = self._first(name)
            if value and value.label:
                return value.label
        code, text, system = [*(part.strip() for part in self._group.order.split("^")), "", "", ""][
            :3
        ]
        known = system in {"MDC", "SCT"} or text.startswith("MDC_") or code == "999999"
        return None if known or not text else text

    def _strength(self, name: str, units: dict[str, str]) -> tuple[float | None, str | None]:
        value = self._first(name)
        unit = unit_of(value.unit) if value else None
        if value is None or unit not in units.values() or value.quality not in VALUED:
            return None, None
        return value.number, unit if value.number is not None else None

    def _unmapped(self) -> list[Row]:
        """Parameters in a unit that is not one of theirs."""
        rows: list[Row] = []
        for name in ("flow_now", "flow", "dose", "concentration", "weight", "volume"):
            value = self._first(name)
            if value is None or value.number is None:
                continue
            unit = unit_of(value.unit)
            fits = {
                "concentration": unit in CONCENTRATIONS.values(),
                "dose": unit in DOSES.values(),
                "weight": factor("kg", unit) is not None,
                "volume": factor("mL", unit) is not None,
            }.get(name, factor("mL/h", unit) is not None)
            if not fits:
                rows.append(Unmapped(value.source, value.text, value.unit or None))
        return rows


def _place(obx4: str) -> Place:
    """MDS, VMD and channel of OBX-4; a missing element counts as 0, the level itself."""
    parts = [part.strip() or "0" for part in obx4.split(".")]
    if parts == ["0"]:
        return ("0", "0", "0")
    return tuple([*parts[:3], "0", "0"][:3])
