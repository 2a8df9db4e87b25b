"""What a person sees: a live table of the patients, and a line for every alert.

Where standard output is no terminal there are only the lines.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from monitor_daemon.demo.plan import Patient, Plan
from monitor_daemon.demo.site import ZONE

_STYLES: Final = {"urgent": "bold red", "attention": "yellow", "info": "cyan"}
_COLUMNS: Final = (
    "bed", "drivers", "subject", "arm", "phase", "target\nmmHg", "MAP5\nmmHg",
    "norepinephrine\nug/kg/min", "data", "open alerts",
)  # fmt: skip

#: How the monitors are read: driver and transport.
_MONITORS: Final = {
    "hl7": "hl7 (gateway, MLLP)",
    "philips_intellivue": "philips_intellivue (UDP)",
    "ge_dri": "ge_dri (serial)",
}


def say(console: Console, text: str, style: str = "") -> None:
    """One line; above the table while there is one."""
    console.print(Text(text, style=style), soft_wrap=True)


class Screen:
    """Enter it to show the table; `state` and `event` take what MQTT brought.

    `randomised` is T+0 on the simulated clock.
    """

    def __init__(self, plan: Plan, randomised: datetime, console: Console) -> None:
        self._plan = plan
        self._randomised = randomised
        self._console = console
        self._states: dict[str, dict[str, Any]] = {}
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None

    def __enter__(self) -> Self:
        """Begin to show the table."""
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Leave the table as it stands."""
        if self._live is not None:
            self._live.stop()

    def introduce(self, speed: float) -> None:
        """Say what is played and of whom."""
        play, people = self._plan.play, self._plan.people
        say(self._console, f"Demonstration: {play.title}.")
        say(self._console, play.note)
        for patient in people.patients:
            say(self._console, f"  {patient.bed}  {patient.pressure}; {patient.infusions}")
            say(self._console, f"         read by {_devices(patient)}")
        say(
            self._console,
            "Capillary refill times, cardiac index and the physician's range are written by hand."
            " Nothing here is a treatment recommendation.",
        )
        say(
            self._console,
            f"Speed {speed:g}: a simulated minute takes {60 / speed:.3g} s. Clock times are"
            f" simulated ({ZONE.key}); randomisation, T+0, is at {self._randomised:%H:%M}."
            " Ctrl-C ends.",
        )
        say(self._console, "")

    def entry(self, words: str, iso: str) -> None:
        """What the nurse did at a time."""
        say(self._console, f"{self._time(iso)}  {'nurse':<14} {words}")

    def event(self, content: dict[str, Any]) -> None:
        """An alert event."""
        raised = content["transition"] == "raised"
        when = content["raised_at" if raised else "published_at"]
        style = _STYLES[content["class"]] if raised else "green"
        say(self._console, f"{self._time(when)}  {content['kind']:<14} {content['text']}", style)

    def state(self, content: dict[str, Any]) -> None:
        """The state of a subject."""
        self._states[content["subject"]] = content
        if self._live is not None:
            self._live.update(self._table(content["as_of"]), refresh=True)

    def _time(self, iso: str) -> str:
        """Clock time at the site and minutes since T+0."""
        when = datetime.fromisoformat(iso).astimezone(ZONE)
        nearest = when + timedelta(seconds=30)
        t = (nearest - self._randomised) // timedelta(minutes=1)
        return f"{nearest:%H:%M}  {f'T{t:+d}':<5}"

    def _table(self, as_of: str) -> Table:
        table = Table(title=f"simulated time {self._time(as_of)}", title_justify="left")
        for column in _COLUMNS:
            table.add_column(column)
        for patient in self._plan.people.patients:
            content = self._states.get(patient.subject)
            if content is not None:
                table.add_row(*_cells(content, patient))
        return table


def _cells(content: dict[str, Any], patient: Patient) -> Sequence[str]:
    quality = content["data_quality"]
    return (
        content["bed"],
        "\n".join(
            filter(None, (patient.monitor, patient.cardiac_output, _pumps(patient))),
        ),
        content["subject"],
        patient.arm or "blinded",
        content["phase"],
        _aim(content),
        _number(content["map5"], 1),
        _number(content["dose"]["value"], 3),
        f"MAP {quality['map']}, pumps {quality['pumps']}",
        ", ".join(alert["kind"] for alert in content["open_alerts"]),
    )


def _devices(patient: Patient) -> str:
    output = patient.cardiac_output and f"{patient.cardiac_output} (serial)"
    pumps = f"{_pumps(patient)} ({'serial' if patient.station == 'serial' else 'TCP'})"
    return ", ".join(filter(None, (_MONITORS[patient.monitor], output, pumps)))


def _pumps(patient: Patient) -> str:
    return "terumo_ss3" if patient.station is None else "bbraun_space"


def _aim(content: dict[str, Any]) -> str:
    """The protocol's target, or the range of the physician."""
    wanted = content["range"]
    if wanted is not None:
        return f"{wanted['low']:g}-{wanted['high']:g}"
    return _number(content["target"], 0)


def _number(value: float | None, decimals: int) -> str:
    return "unknown" if value is None else f"{value:.{decimals}f}"
