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
#: The usual mark at the end of a text that was truncated (HL7 v2.7).
_CUT: Final = "#"
#: Channels that describe what may flow, of the older and of the newer model.
_SOURCES: Final = frozenset(
    {"source", "primary", "secondary", "pca", "loading", "clinician", "intermittent"}
)
#: Of these sources each has a container of its own; a bolus comes from the one that runs.
_CONTAINERS: Final = frozenset({"primary", "secondary"})
_SOURCE_WORD: Final = "pump-source-info-"
#: Of these a row is made; a weight or a library name alone is no infusion.
_TELLING: Final = frozenset({"flow_now", "flow", "dose", "status", "delivery", "event"})

Place = tuple[str, ...]
#: Of a value without OBX-4.
_NOWHERE: Final[Place] = ("0", "0", "0")


@dataclass(frozen=True, slots=True)
class Value:
    """One parameter as sent: all its words, the word for people, its number, unit, trust, time.

    `text` is empty where the sender has no value.
    """

    text: str
    label: str
    number: float | None
    unit: str
    quality: Quality
    time: str | None
    source: str

    def amount(self, target: str) -> float | None:
        """The number in `target` units if it may be used, else None; no amount is negative."""
        if self.number is None or self.number < 0 or self.quality not in VALUED:
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

    def name(self, obx4: str, device_id: str) -> None:
        """The device at a place, unless it is known already."""
        self._ids.setdefault(_place(obx4), device_id)

    def put(self, obx4: str, name: str, value: Value, device_id: str | None) -> None:
        """A parameter and the device that sent it; the first of its name at a place holds."""
        place = _place(obx4)
        self._values.setdefault(place, {}).setdefault(name, value)
        if device_id:
            self.name(obx4, device_id)

    def rows(self, bed: str | None, patient: str | None) -> list[Row]:
        """An infusion for each pump, and what of it has a unit nobody knows."""
        pumps = self._pumps()
        rows: list[Row] = []
        for pump, places in pumps.items():
            mds = [place for place in pumps if place[0] == pump[0]]
            channel = self._channel(pump, places, alone=len(mds) == 1)
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
        return owner in {None, "pump"} or bool(inside & {"delivery", *_SOURCES})

    def _channel(self, pump: Place, places: list[Place], *, alone: bool) -> str | None:
        """The pump's own id, else that of the rack it is alone in, else its place in OBX-4."""
        mds = (pump[0], "0", "0")
        place = (*pump, "0")[:3]
        for known in (place, *places):
            if known in self._ids and known != mds:
                return self._ids[known]
        if alone and self._roles.get(mds) in {None, "pump"}:
            place = mds
        return self._ids.get(place) or (".".join(place) if place != _NOWHERE else None)

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
        self._unknown = bool(sources) and not active
        levels = [(*pump[:2], "0"), (pump[0], "0", "0")]
        self._order = list(dict.fromkeys([*active, *delivery, *levels]))
        self._delivery_first = list(dict.fromkeys([*delivery, *self._order]))

    def rows(self, channel: str | None, bed: str | None, patient: str | None) -> list[Row]:
        status = self._status()
        used = [value for place in self._places for value in self._all(place)]
        quality = self._trust(status)
        valued = quality in VALUED
        drug = self._drug()
        concentration, unit = self._strength("concentration", CONCENTRATIONS)
        derived = _in_name(drug) if drug and not concentration else None
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
            weight_kg=(weight.amount("kg") or None) if weight else None,
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
        """The source that the pump says is active, else the one that says it delivers.

        If neither is told the first that has a flow or a drug; none if a second container is active
        that is not described.
        """
        named = {word for place in self._delivery for word in self._words(place, "sources")}
        containers = named & _CONTAINERS
        told = [place for place in sources if containers & self._kinds(place)]
        if told or "secondary" in containers:
            return told[:1]
        for place in sources:
            delivery = self._group.at(place, "delivery")
            if delivery and status_word(delivery.text) in {PumpStatus.RUNNING, PumpStatus.KVO}:
                return [place]
        for place in sources:
            if any(self._group.at(place, name) for name in ("flow", "flow_now", "drug", "status")):
                return [place]
        return sources[:1]

    def _kinds(self, place: Place) -> set[str]:
        """What a source is called: by its device, or by its label."""
        return {self._group.role(place), *self._words(place, "label")}

    def _words(self, place: Place, name: str) -> list[str]:
        value = self._group.at(place, name)
        words = value.text.lower().replace("~", " ").split() if value else []
        return [word.removeprefix(_SOURCE_WORD) for word in words]

    def _flow(self) -> Value | None:
        return self._first("flow_now", delivery=True) or self._first("flow", delivery=True)

    def _status(self) -> PumpStatus:
        said = {name: self._said(name) for name in ("delivery", "reason", "event")}
        said |= {name: self._said(name, delivery=True) for name in ("status", "sources")}
        return status_of(said)

    def _said(self, name: str, *, delivery: bool = False) -> str:
        """The words of a parameter, empty if they do not count."""
        value = self._first(name, delivery=delivery)
        return value.text if value and value.quality is not Quality.NO_VALUE else ""

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
        if now and now.text:
            return None  # what flows is said, in a way that cannot be used
        if status is PumpStatus.RUNNING and status_word(self._said("delivery")) in AT_REST:
            return None  # the pump runs, but not from this source
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
        """The label, else the drug's type, else what OBR-4 orders, in the wire's words.

        None while something flows that is not described.
        """
        if self._unknown:
            return None
        for name in ("drug", "drug_type"):
            value = self._first(name)
            if value and value.label and value.quality is not Quality.NO_VALUE:
                return value.label
        code, text, system = [*(part.strip() for part in self._group.order.split("^")), "", "", ""][
            :3
        ]
        known = system in {"MDC", "SCT"} or text.startswith("MDC_") or code == "999999"
        return None if known or not text else text

    def _strength(self, name: str, units: dict[str, str]) -> tuple[float | None, str | None]:
        value = self._first(name)
        unit = unit_of(value.unit) if value else None
        usable = value and value.number is not None and value.number >= 0
        if value is None or not usable or unit not in units.values() or value.quality not in VALUED:
            return None, None
        return value.number, unit

    def _unmapped(self) -> list[Row]:
        """Parameters that are no amount, or in a unit that is not one of theirs."""
        rows: list[Row] = []
        for name in ("flow_now", "flow", "dose", "concentration", "weight", "volume"):
            value = self._first(name)
            if value is None or not value.text:
                continue
            unit = unit_of(value.unit)
            fits = {
                "concentration": unit in CONCENTRATIONS.values(),
                "dose": unit in DOSES.values(),
                "weight": factor("kg", unit) is not None,
                "volume": factor("mL", unit) is not None,
            }.get(name, factor("mL/h", unit) is not None)
            if not fits or value.number is None or value.number < 0:
                rows.append(Unmapped(value.source, value.text, value.unit or None))
        return rows


def _in_name(drug: str) -> tuple[float, str] | None:
    """A concentration in the drug's name; a volume at the end of a truncated one is none."""
    whole = drug.removesuffix(_CUT)
    return named_concentration(whole, _NO_LIMIT if whole == drug else 0)


def _place(obx4: str) -> Place:
    """MDS, VMD and channel of OBX-4; a missing element counts as 0, the level itself."""
    parts = [part.strip() or "0" for part in obx4.split(".")]
    if parts == ["0"]:
        return _NOWHERE
    return tuple([*parts[:3], "0", "0"][:3])
