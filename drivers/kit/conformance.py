"""One suite for every driver: its own simulator talks to its session over a wire that misbehaves.

Each check takes a driver and raises AssertionError if it breaks a promise that the links and
the engine rely on. A package with a driver runs them all in its own tests:

    @pytest.mark.parametrize("check", CHECKS)
    def test_conformance(check): check(DRIVER)
"""

from collections.abc import Callable, Sequence
from hashlib import shake_128
from itertools import pairwise
from typing import Final

from drivers.kit.conformance_play import ConformancePlay, is_data, is_played
from drivers.kit.contract import SIMULATOR_FAULTS, Driver
from drivers.kit.exchange import Exchange, Wire
from monitor_daemon.core.vocabulary import Fault, Row


def check_manifest(driver: Driver) -> None:
    """The manifest is complete and its options refuse what they do not know."""
    _require(bool(driver.transports), "no transport")
    _require(bool(driver.modes), "no mode")
    _require(driver.expected_period > 0, "expected_period must be positive")
    for text in (driver.name, driver.title, driver.promises, driver.sources):
        _require(bool(text.strip()), "name, title, promises and sources must say something")
    taken = {o.name for o in driver.options} & {fault.name for fault in SIMULATOR_FAULTS}
    _require(not taken, f"options that every simulator has: {taken}")
    for mode in driver.modes:
        driver.decoder(mode, driver.settings({}))
    try:
        driver.settings({"no such option": 1})
    except KeyError:
        return
    raise AssertionError("an unknown option was accepted")


def check_may_send(driver: Driver) -> None:
    """The allow-list is closed: nothing empty, nothing foreign, nothing with something appended."""
    exchange = _clean(driver)
    for data in (b"", b"\x00", b"\r\n", b"START\r", _noise(64)):
        _require(not driver.may_send(data), f"may_send allows {data!r}")
    for data in exchange.sent:
        foreign = data + _noise(16)
        _require(not driver.may_send(foreign), f"may_send allows {foreign!r}")


def check_passive(driver: Driver) -> None:
    """A driver that can be told to listen only then sends nothing at all."""
    if any(option.name == "passive" for option in driver.options):
        exchange = Exchange(driver, ConformancePlay(), options={"passive": True})
        exchange.run(_span(driver))
        exchange.farewell()
        _require(not exchange.sent, f"passive, and yet it sends {exchange.sent[:1]}")


def check_clean(driver: Driver) -> None:
    """Everything that is played arrives, and nothing else."""
    exchange = _clean(driver)
    rows = exchange.rows
    _require(any(map(is_data, rows)), f"no reading or infusion among {len(rows)} rows")
    _require_played(rows)
    _require(not exchange.problems, f"problems on a clean wire: {exchange.problems[:1]}")
    faults = [row for row in rows if isinstance(row, Fault)]
    _require(not faults, f"faults on a clean wire: {faults[:1]}")
    _require(exchange.closed == 0, "the session closed a clean connection")


def check_splitting(driver: Driver) -> None:
    """One byte at a time, or all that waits at once: the same rows."""
    expected = _clean(driver).rows
    single = _run(driver, lambda _, chunk: [chunk[i : i + 1] for i in range(len(chunk))])
    _require(single.rows == expected, "one byte at a time gives other rows")
    coalesced = Exchange(driver, ConformancePlay(), coalesce=True)
    coalesced.run(_span(driver))
    _require(coalesced.rows == expected, "coalesced chunks give other rows")


def check_decoder(driver: Driver) -> None:
    """The decoder reads what the session reads, however the bytes are split."""
    exchange = _clean(driver)
    stream = b"".join(exchange.received)
    expected = [row for row in exchange.rows if is_data(row)]
    whole = _decode(driver, [stream])
    _require([row for row in whole if is_data(row)] == expected, "decoder and session differ")
    pieces = [stream[i : i + 1] for i in range(len(stream))]
    _require(_decode(driver, pieces) == whole, "one byte at a time decodes to other rows")
    _require(_decode(driver, exchange.received) == whole, "chunk by chunk decodes to other rows")


def check_lost_chunk(driver: Driver) -> None:
    """A lost chunk costs that chunk."""
    _check_damage(driver, lambda chunk: [], reported=False)


def check_duplicated_chunk(driver: Driver) -> None:
    """A chunk that comes twice does no harm."""
    _check_damage(driver, lambda chunk: [chunk, chunk], reported=False)


def check_corrupted_chunk(driver: Driver) -> None:
    """A chunk whose first half is garbled is reported and costs one frame."""
    _check_damage(driver, lambda chunk: [_garble(chunk)], reported=True)


def check_truncated_chunk(driver: Driver) -> None:
    """A chunk that loses its second half is reported and costs one frame."""
    _check_damage(driver, lambda chunk: [chunk[: len(chunk) // 2]], reported=True)


def check_stalled(driver: Driver) -> None:
    """A device that falls silent in mid-frame: no row comes from half a frame, nothing breaks."""
    exchange = _run(
        driver, lambda i, chunk: [] if i > 1 else [chunk[: len(chunk) // 2] if i else chunk]
    )
    _require_played(exchange.rows)


def check_closed_mid_frame(driver: Driver) -> None:
    """A connection that ends in mid-frame: the next connection starts afresh."""
    exchange = _run(driver, lambda i, chunk: [chunk[: len(chunk) // 2]] if i else [chunk])
    exchange.wire = _whole
    exchange.reconnect()
    before = len(exchange.rows)
    exchange.run(_span(driver))
    _require(any(map(is_data, exchange.rows[before:])), "no rows after the reconnection")
    _require_played(exchange.rows)


def check_flood(driver: Driver) -> None:
    """A megabyte of noise, and one of beginnings without end: no row, and good messages follow."""
    first = next(iter(_clean(driver).received))
    for flood in (_noise(1 << 20), first[: len(first) // 2] * ((1 << 20) // len(first))):
        exchange = Exchange(driver, ConformancePlay())
        for start in range(0, len(flood), 65536):
            exchange.deliver(flood[start : start + 65536])
        _require(not any(map(is_data, exchange.rows)), "a flood of noise gave rows")
        exchange.run(_span(driver))
        _require(any(map(is_data, exchange.rows)), "no rows after a flood")


def check_survives(driver: Driver, data: bytes) -> None:
    """Any bytes at all: no exception from session and decoder, nothing sent outside the list."""
    exchange = Exchange(driver, ConformancePlay())
    exchange.deliver(data)
    for mode in driver.modes:
        decoder = driver.decoder(mode, driver.settings({}))
        for row in (*decoder.feed(data), *decoder.finish()):
            _require(isinstance(row, Row), f"{row!r} is no row")


CHECKS: Final[tuple[Callable[[Driver], None], ...]] = (
    check_manifest,
    check_may_send,
    check_passive,
    check_clean,
    check_splitting,
    check_decoder,
    check_lost_chunk,
    check_duplicated_chunk,
    check_corrupted_chunk,
    check_truncated_chunk,
    check_stalled,
    check_closed_mid_frame,
    check_flood,
)


def _check_damage(
    driver: Driver, damage: Callable[[bytes], list[bytes]], *, reported: bool
) -> None:
    """Damage one chunk, at several places: the exchange goes on after one frame at most."""
    clean = _clean(driver)
    good = _data_at(clean)
    _require(bool(good), "no reading or infusion on a clean wire")
    gap = max(later - earlier for earlier, later in pairwise([-1, *good]))
    last = len(clean.received) - 1
    for place in sorted({0, last // 3, last // 2}):

        def wire(index: int, chunk: bytes, place: int = place) -> list[bytes]:
            return damage(chunk) if index == place else [chunk]

        exchange = _run(driver, wire)
        _require_played(exchange.rows)
        faults = any(isinstance(row, Fault) for row in exchange.rows)
        if reported:
            _require(bool(exchange.problems) or faults, f"damage to chunk {place} went unreported")
        after = [index for index in _data_at(exchange) if index > place]
        _require(bool(after), f"no rows after damage to chunk {place}")
        lost = after[0] - place
        _require(lost <= 2 * gap + 1, f"{lost} chunks passed after damage to chunk {place}")


def _data_at(exchange: Exchange) -> list[int]:
    """The chunks with which messages that carry data were complete."""
    return [index for index, message in exchange.messages if any(map(is_data, message.rows))]


def _span(driver: Driver) -> float:
    """Virtual seconds of one run: enough for time-outs, identification and several messages."""
    return 60.0 + 12 * driver.expected_period


def _whole(_index: int, chunk: bytes) -> list[bytes]:
    return [chunk]


def _clean(driver: Driver) -> Exchange:
    return _run(driver, _whole)


def _run(driver: Driver, wire: Wire) -> Exchange:
    exchange = Exchange(driver, ConformancePlay(), wire)
    exchange.run(_span(driver))
    return exchange


def _decode(driver: Driver, pieces: Sequence[bytes]) -> list[Row]:
    decoder = driver.decoder(driver.modes[0], driver.settings({}))
    rows = [row for piece in pieces for row in decoder.feed(piece)]
    return [*rows, *decoder.finish()]


def _garble(chunk: bytes) -> bytes:
    half = (len(chunk) + 1) // 2
    return bytes(byte ^ 0x55 for byte in chunk[:half]) + chunk[half:]


def _noise(size: int) -> bytes:
    """Bytes without meaning, the same on every run."""
    return shake_128(b"noise").digest(size)


def _require_played(rows: Sequence[Row]) -> None:
    strange = [row for row in rows if not is_played(row)]
    _require(not strange, f"a value that nobody played: {strange[:1]}")


def _require(holds: bool, reason: str) -> None:
    if not holds:
        raise AssertionError(reason)
