"""`monitor-daemon drivers ...`: what drivers there are; trying them on a real or played device."""

import asyncio
import time
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from drivers.kit.capture import SUFFIX, Capture, Chunk, read_capture, received
from drivers.kit.contract import SIMULATOR_FAULTS, Driver
from drivers.kit.link import Link, LinkSpec, Sink, Tap
from drivers.kit.links import dial_link, listen_link, serial_link, split_address
from drivers.kit.play_file import load_play, make_play
from drivers.kit.playback import Play, SimClock
from drivers.kit.probe import ProbeSink, describe, explainer
from drivers.kit.registry import driver_names, load_driver
from drivers.kit.serial_link import SerialLink
from drivers.kit.simulate import Simulation, run_client, run_pty, run_server
from monitor_daemon.cli.decode import decoded, driver_settings, parse_options, while_read
from monitor_daemon.cli.driver_files import keep_capture, new
from monitor_daemon.cli.exits import stop
from monitor_daemon.cli.explain import explain, told
from monitor_daemon.core.errors import CommandError, LinkError, MonitorError
from monitor_daemon.core.vocabulary import Row

app = typer.Typer(help="List, try, simulate, record and make drivers.", no_args_is_help=True)
app.command("keep")(keep_capture)
app.command()(new)
app.command()(explain)

Name = Annotated[str, typer.Argument(help="The driver's name, as in `drivers list`.")]
Port = Annotated[
    str | None, typer.Option(help="Serial port: a path, a by-id name or a USB serial number.")
]
Connect = Annotated[str | None, typer.Option(help="Dial this host:port.")]
Listen = Annotated[str | None, typer.Option(help="Listen on this [host]:port.")]
Options = Annotated[
    list[str] | None, typer.Option("--option", help="A driver option, name=value; repeatable.")
]
Line = Annotated[
    list[str] | None,
    typer.Option("--line", help="A serial line setting, e.g. baudrate=9600; repeatable."),
]
Seconds = Annotated[float | None, typer.Option(min=0.1, help="Stop after so many seconds.")]

#: What a simulated device plays when no file is given.
STEADY = {
    "title": "a steady patient",
    "beds": [
        {
            "bed": "ICU-1",
            "signals": {
                "art_map": {"constant": 65},
                "art_sys": {"from": "art_map", "add": 35},
                "art_dia": {"from": "art_map", "add": -15},
                "heart_rate": {"constant": 88},
            },
            "pumps": [
                {
                    "channel": "11",
                    "drug": "Norepinephrine",
                    "concentration": 40,
                    "concentration_unit": "ug/mL",
                    "weight_kg": 70,
                    "dose": {"constant": 0.1},
                    "dose_unit": "ug/kg/min",
                }
            ],
        }
    ],
}


@app.command("list")
def list_drivers() -> None:
    """What drivers there are; one that does not load is named with the reason."""
    table = Table("name", "device", "transports", "every", "promises")
    for name in driver_names():
        try:
            driver = load_driver(name)
        except MonitorError as error:
            table.add_row(name, f"{error.code}: {error}")
        else:
            period = f"{driver.expected_period:g} s"
            table.add_row(name, driver.title, ", ".join(driver.transports), period, driver.promises)
    Console().print(table)


@app.command()
def show(name: Name) -> None:
    """What a driver needs and promises, its options, and where its facts come from."""
    driver = _load(name)
    console = Console()
    facts = Table(show_header=False)
    facts.add_row("driver", f"{driver.name}: {driver.title}")
    facts.add_row("promises", driver.promises)
    facts.add_row("transports", ", ".join(driver.transports))
    facts.add_row("modes", ", ".join(driver.modes))
    facts.add_row("expected period", f"{driver.expected_period:g} s")
    facts.add_row("line settings", _words(driver.serial))
    facts.add_row("port", "-" if driver.port is None else str(driver.port))
    facts.add_row("sources", driver.sources)
    console.print(facts)
    options = Table("option", "default", "choices", "meaning")
    for option in (*driver.options, *SIMULATOR_FAULTS):
        choices = ", ".join(map(str, option.choices))
        options.add_row(option.name, repr(option.default), choices, option.meaning)
    console.print(options)


@app.command()
def probe(
    name: Name,
    port: Port = None,
    connect: Connect = None,
    listen: Listen = None,
    seconds: Annotated[float, typer.Option(min=0.1, help="How long to listen.")] = 10.0,
    option: Options = None,
    line: Line = None,
) -> None:
    """Open the device read-only for a while and print what it says, unmapped parameters included.

    What is heard is answered as the protocol wants and not kept: with --listen point no sender here
    that forgets what was acknowledged; `drivers record` keeps it.
    """
    sink = ProbeSink()
    try:
        link = _link(_spec(_load(name), sink, option, sink.tap), port, connect, listen, line)
        _run(link.run(), seconds)
        if listen is None and sink.waiting and link.counters.bytes_in:
            # The link's own patience is longer, but the bytes that came tell something already.
            sink.reason = link.why_silent(seconds)
        _print_probe(link, sink)
        if not sink.messages:
            raise LinkError(f"no valid message in {seconds:g} s: {sink.reason}", code="NOT_HEARD")
    except MonitorError as error:
        stop(error)


@app.command()
def simulate(
    name: Name,
    port: Annotated[
        Path | None, typer.Option(help="Make a pseudo-terminal and link it to this path.")
    ] = None,
    connect: Connect = None,
    listen: Listen = None,
    source: Annotated[
        Path | None, typer.Option("--from", help="A play file, or a capture (*.cap.jsonl).")
    ] = None,
    speed: Annotated[float, typer.Option(min=0.01, help="Simulated seconds per second.")] = 1.0,
    option: Options = None,
    seconds: Seconds = None,
) -> None:
    """Be the device, until Ctrl-C: a steady patient, a play file, or a capture played back."""
    try:
        driver = _load(name)
        _exactly_one(port=port, connect=connect, listen=listen)
        title, played, chunks = _played(source)
        clock = SimClock(time.monotonic(), datetime.now(UTC), speed)
        settings = driver_settings(driver, option or ())
        simulation = Simulation(driver, played, clock, settings, chunks)

        def ready(place: str) -> None:
            typer.echo(f"{driver.name}: {title}, at {place}, speed {speed:g}")

        if port is not None:
            work = run_pty(simulation, port, ready)
        elif connect is not None:
            work = run_client(simulation, *split_address(connect, driver.port), ready)
        else:
            work = run_server(simulation, *split_address(listen or "", driver.port), ready)
        _run(work, seconds)
    except OSError as error:
        stop(LinkError(str(error)))
    except MonitorError as error:
        stop(error)


@app.command()
def record(
    name: Name,
    file: Annotated[Path, typer.Argument(help="Capture file to append to, *.cap.jsonl.")],
    port: Port = None,
    connect: Connect = None,
    listen: Listen = None,
    seconds: Seconds = None,
    option: Options = None,
    line: Line = None,
) -> None:
    """Write every byte that passes to a capture file, with times, until Ctrl-C."""
    try:
        driver = _load(name)
        if not file.name.endswith(SUFFIX):
            # `decode` and `simulate` know a capture by its name.
            raise CommandError(f"{file}: the name of a capture ends in {SUFFIX}", code="USAGE")
        with Capture(file) as capture:
            spec = _spec(driver, capture, option, capture.tap)
            link = _link(spec, port, connect, listen, line)
            _run(link.run(), seconds)
        typer.echo(f"{capture.chunks} chunks, {capture.messages} messages in {file}", err=True)
        if not capture.chunks:
            raise LinkError(f"nothing came: {capture.reason}", code="NOT_HEARD")
    except (MonitorError, OSError) as error:
        stop(error)


@app.command()
def replay(
    name: Name,
    file: Annotated[Path, typer.Argument(help="Capture file, *.cap.jsonl.")],
    mode: Annotated[str | None, typer.Option(help="The framing, as in `decode`.")] = None,
    option: Options = None,
) -> None:
    """Put a capture through the driver again and print its rows with the time of receipt."""
    at = "-"

    def parts(source: BinaryIO) -> Iterator[bytes | Row]:
        nonlocal at
        for item in read_capture(source):
            if not isinstance(item, Chunk):
                yield item
            elif item.dir == "rx":
                at = datetime.fromtimestamp(item.t, UTC).isoformat(timespec="milliseconds")
                yield item.data

    try:
        with while_read(), file.open("rb") as source:
            for row in decoded(_load(name), mode, option or (), parts(source)):
                heard = describe(row)
                words = (heard.signal or "unmapped", heard.value, heard.unit, heard.quality)
                typer.echo("  ".join((at, heard.code, *words)).rstrip())
    except (MonitorError, OSError) as error:
        stop(error)


def _load(name: str) -> Driver:
    try:
        return load_driver(name)
    except MonitorError as error:
        stop(error)


def _played(source: Path | None) -> tuple[str, Play, Sequence[Chunk]]:
    """Title, play and capture of what a simulated device plays."""
    steady = make_play(STEADY, Path())
    if source is None:
        return steady.title, steady, ()
    if source.name.endswith(SUFFIX):
        return str(source), steady, received(source)
    play = load_play(source)
    return play.title, play, ()


def _exactly_one(**places: object) -> None:
    if sum(place is not None for place in places.values()) != 1:
        options = ", ".join(f"--{name}" for name in places)
        raise CommandError(f"give exactly one of {options}", code="USAGE")


def _spec(driver: Driver, sink: Sink, option: list[str] | None, tap: Tap | None) -> LinkSpec:
    return LinkSpec(driver.name, driver, sink, driver_settings(driver, option or ()), tap=tap)


def _link(
    spec: LinkSpec,
    port: str | None,
    connect: str | None,
    listen: str | None,
    line: list[str] | None,
) -> Link:
    _exactly_one(port=port, connect=connect, listen=listen)
    if port is not None:
        return serial_link(spec, port, parse_options(line or ()))
    if line:
        raise CommandError("--line: only a serial port (--port) has line settings", code="USAGE")
    if connect is not None:
        return dial_link(spec, connect)
    return listen_link(spec, listen or "")


async def _for(work: Coroutine[Any, Any, None], seconds: float | None) -> None:
    """Run `work` for so many seconds, or until Ctrl-C."""
    with suppress(TimeoutError):
        await asyncio.wait_for(work, seconds)


def _run(work: Coroutine[Any, Any, None], seconds: float | None) -> None:
    with suppress(KeyboardInterrupt):
        asyncio.run(_for(work, seconds))


def _words(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in settings.items()) or "-"


def _print_probe(link: Link, sink: ProbeSink) -> None:
    console = Console()
    status = link.status()
    facts = Table(show_header=False)
    facts.add_row("device", escape(f"{link.spec.driver.title} at {link.where}"))
    line = link.line if isinstance(link, SerialLink) else {}
    facts.add_row("line settings", _words(line))
    driver = link.spec.driver
    session = [o.name for o in driver.options if not o.meaning.startswith("simulator:")]
    facts.add_row("options", _words({name: link.spec.options[name] for name in session}))
    facts.add_row("says of itself", escape("\n".join(link.details)) or "-")
    facts.add_row("last state", escape(sink.reason))
    facts.add_row("received", f"{status['bytes_in']} bytes, {status['messages']} messages")
    facts.add_row("sent", f"{status['bytes_out']} bytes, {status['refused_sends']} sends refused")
    if not sink.messages:
        facts.add_row("first bytes", sink.beginning.hex(" ") or "-")
    console.print(facts)
    table = Table("code", "signal", "value", "unit", "quality", "mapped", "count", "every")
    for key, heard in sorted(sink.parameters.items()):
        mapped = "yes" if heard.signal else "no"
        arrivals = sink.arrivals[key]
        every = "-" if arrivals.every is None else f"{arrivals.every:.1f} s"
        words = (heard.code, heard.signal, heard.value, heard.unit, heard.quality)
        table.add_row(*map(escape, words), mapped, str(arrivals.count), every)
    console.print(table)
    if sink.errors:
        errors = Table("error", "reason", "count")
        for (code, reason), count_of in sink.errors.most_common():
            errors.add_row(code, escape(reason), str(count_of))
        console.print(errors)
    explain_newest = explainer(link.spec.driver)
    if explain_newest is not None and sink.newest:
        typer.echo("the newest message")
        for text in told(explain_newest(sink.newest, link.spec.options)):
            typer.echo(text)
