"""Long runs of the HL7 reader and listener, seeded and repeatable.

`./dev soak` runs all of it, the suite one per cent. SOAK_SEED repeats a run.
"""

import os
import random
import re
from pathlib import Path

from msgspec.structs import replace

from benchmarks import mllp
from drivers.hl7.driver import DRIVER
from drivers.kit.contract import Message
from monitor_daemon.core.vocabulary import Quality, Reading
from monitor_daemon.hl7.mllp import framed

FULL = os.environ.get("SOAK") == "1"
SEED = int(os.environ.get("SOAK_SEED", "20260101"))
CASES = 1_000_000 if FULL else 10_000
MESSAGES = 500_000 if FULL else 5_000
SAMPLES = [p.read_bytes() for p in sorted((Path(__file__).parents[1] / "data/hl7").glob("*.hl7"))]

DECIMAL = re.compile(rb"[0-9]+\.?[0-9]*|\.[0-9]+")
HEX = re.compile(rb"(.)X((?:[0-9A-Fa-f]{2})+)\1")
#: What a number on the wire may have become, by the unit of the reading: (factor, offset). 1 mmHg
#: is 133.322387415 Pa, 1 cmH2O 98.0665 Pa, 1 lb 0.45359237 kg, 1 in 2.54 cm; lactic acid has
#: 90.08, creatinine 113.12 g/mol.
CONVERSIONS = {
    "mmHg": ((98.0665 / 133.322387415, 0.0), (1000 / 133.322387415, 0.0)),
    "degC": ((5 / 9, -160 / 9),),
    "L/min": ((0.001, 0.0),),
    "s": ((0.001, 0.0),),
    "kg": ((0.001, 0.0), (0.45359237, 0.0)),
    "cm": ((100.0, 0.0), (2.54, 0.0)),
    "mmol/L": ((10 / 90.08, 0.0), (0.001, 0.0)),
    "umol/L": ((1e4 / 113.12, 0.0), (1000.0, 0.0)),
}


def spoilt(rng, message):
    """One to four bytes, stretches, fields or segments replaced, removed, doubled or swapped."""
    data = bytearray(message)
    for _ in range(rng.randint(1, 4)):
        mark = rng.choice((b"", b"|", b"\r"))
        at = rng.randrange(len(data) + 1)
        if mark:
            at = max(data.find(mark, at), 0)
            until = max(data.find(mark, at + 1), at)
        else:
            until = min(len(data), at + rng.choice((1, 1, 1, 4, 40)))
        part = bytes(data[at:until])
        data[at:until] = rng.choice(
            (
                b"", part * 2, rng.randbytes(len(part)), b"|", b"^", b"~", b"\\X41\\", b'""',
                b"\n", b"\r\n", b"\xef\xbb\xbf", b"\x1b$B", b"\x1c\r", b"\x0b", b"\0",
                part.replace(b"|", b"*"), part[::-1], b"\rMSH|^~\\&|A|B\r", b"BHS|^~\\&\r",
            )
        )  # fmt: skip
    return bytes(data)


def numbers(message):
    """Every decimal in a message: also over a broken line, and written as hexadecimal digits."""
    plain = HEX.sub(lambda match: bytes.fromhex(match[2].decode()), message)
    texts = [text for whole in (message, plain) for text in (whole, re.sub(rb"[\r\n]", b"", whole))]
    return {float(found) for text in texts for found in DECIMAL.findall(text)}


def invented(reading, known):
    value = abs(reading.value)
    if value in known:
        return False
    ways = CONVERSIONS.get(reading.unit, ())
    return not any(
        abs(abs(sign * number * factor + offset) - value) <= 1e-6 * max(1.0, value)
        for number in known
        for factor, offset in ways
        for sign in (1, -1)
    )


def test_spoilt_messages_never_raise_and_no_reading_is_invented():
    rng = random.Random(SEED)
    settings = DRIVER.settings({})
    for case in range(CASES):
        message = spoilt(rng, rng.choice(SAMPLES))
        session = DRIVER.session(settings)
        effects = [*session.feed(framed(message), 0.0), *session.lost(1.0)]
        for effect in effects:
            reply = getattr(effect, "reply", None)
            assert reply is None or DRIVER.may_send(reply), (SEED, case)
            rows = effect.rows if isinstance(effect, Message) else ()
            readings = [row for row in rows if isinstance(row, Reading) and row.value is not None]
            known = numbers(message) if readings else set()
            for row in readings:
                assert not invented(row, known), (SEED, case, row)


def test_the_check_for_invented_readings_bites():
    monitor = next(sample for sample in SAMPLES if b"MON-20261121" in sample)
    known = numbers(monitor)
    reading = Reading("art_map", 63.0, "mmHg", Quality.GOOD, source="150039")
    assert not invented(reading, known)
    assert not invented(replace(reading, value=11 * 98.0665 / 133.322387415), known)
    assert all(invented(replace(reading, value=value), known) for value in (63.5, 71.3, 8.2, 630.0))


def _resident() -> float:
    """Megabytes of the process that serves."""
    pages = int(Path(f"/proc/{os.getppid()}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def flood(port, count, pipe):
    """The load of the benchmark with messages made as they are needed; memory on the way."""
    load = mllp.Load(port, 0)
    for bed, number in enumerate(load.senders):
        load.blocks[number] = (mllp.message(bed, n) for n in range(count))
        load.send(number)
    pipe.recv()
    waiting, done, resident = len(load.senders), 0, []
    every = max(1, waiting * count // 20)
    while waiting:
        for number in load.answered():
            done += 1
            if done % every == 0:
                resident.append(_resident())
            waiting -= not load.send(number)
    pipe.send(resident)


async def test_memory_stays_flat_over_many_messages(tmp_path):
    resident, _ = await mllp.ours(flood, MESSAGES // mllp.CONNECTIONS, tmp_path)
    assert len(resident) == 20
    # Until a third of the way caches fill; what grows with every message would go on growing.
    assert max(resident[7:]) - resident[6] < 16, [round(size, 1) for size in resident]
