"""Who the patient is stands in the wire bytes, and from there only in the vault."""

import hashlib
import sqlite3

import pytest
from pump_station import RUNNING, ScriptedStation
from secrets_search import files, leaks, listening, written
from site_process import Gateway, Site, arterial, message, tidy
from waiting import free_port, until

from monitor_daemon.vault.vault import Vault, load_key

NAME = "QUILLFEATHER^OTTOKARIUS"
RECORD = "MRN-77120934"
KANJI = "田中花子"
KNOWN_BED = "INTENSIVNEUN^ZIMMER41WEST^FENSTERSEITE"
UNKNOWN_BED = "GEHEIMWARD^STUBENSECHS^HINTERLINKS"
NOTE = "sister Wilhelmine telephoned"
TEXT = "bilateral Zwetschgenoedem"
PUMP_PATIENT = "PATZ-550123"
PUMP_LABEL = "Norad Quirinalius"
STATION_BED = "STATIONSBETT7"
SECRETS = (
    *NAME.split("^"), RECORD, KANJI, *KNOWN_BED.split("^"), *UNKNOWN_BED.split("^"),
    "Wilhelmine", "Zwetschgenoedem", PUMP_PATIENT, "Quirinalius", STATION_BED,
)  # fmt: skip

EXTRAS = (
    f"NTE|1||{NOTE}",
    f"OBX|9|ST|99871^{TEXT}^L||{TEXT}||||||R",
    f"OBX|10|NM|99872^Zwetschgenoedem^L||7|Zwetschgenoedem^{TEXT}^L|||||R",
)


def wires() -> dict[str, bytes]:
    """The planted messages: of a known bed, of an unknown one, and with an unreadable value."""
    who = {"name": f"{NAME}~{KANJI}", "record": RECORD}
    return {
        "known": message("M1", KNOWN_BED, "", *arterial(34), *EXTRAS, **who),
        "unknown": message("M2", UNKNOWN_BED, "", *arterial(66), *EXTRAS, **who),
        "odd": message("M3", KNOWN_BED, "2026NAMEQUILLFEATHER", "OBX|1|NM|||OTTOKARIUS", **who),
    }


@pytest.fixture
async def station():
    pump = {**RUNNING, "INSOL": PUMP_LABEL, "PATID": PUMP_PATIENT}
    async with ScriptedStation({"50111": pump}, STATION_BED).serving() as station:
        yield station


@pytest.fixture
async def site(tmp_path, nats, station):
    """A daemon whose gateway knows one bed by the hospital's code, and a station on that bed."""
    made = Site(
        tmp_path / "site", nats.settings, ("bed-1",), {"bed-1": station.port}, speed=60.0,
        extra=f'[[links]]\nname = "ward"\ndriver = "hl7"\nlisten = "127.0.0.1:{free_port()}"\n'
        f'[links.beds]\n"{KNOWN_BED}" = "bed-1"',
    )  # fmt: skip
    await made.start()
    yield made
    await made.stop()
    tidy(made.process)


def ward_port(site):
    return int(site.extra.split("127.0.0.1:")[1].split('"')[0])


async def answered(site):
    """What the daemon answers to any program that asks."""
    return [("status", str(await site.status()).encode())]


async def shown(site):
    """What a person can ask the daemon for."""
    tables, everything = [await site.command("status", *more) for more in ((), ("--json",))]
    assert (tables[0], everything[0]) == (0, 0)
    return [("status", tables[1].encode()), ("status --json", everything[1].encode())]


def stored(site, tmp_path):
    """What the daemon and the broker have written, but for the configuration."""
    log = ("log", (site.folder / "log").read_bytes())
    return [*files(site.folder / "store", tmp_path / "broker"), log]


def published(heard):
    """Messages as places to search: a topic, too, must tell nothing."""
    return [(topic, topic.encode() + payload) for topic, payload in heard]


def test_the_search_finds_a_word_in_each_form():
    words = {"Müllerstraße", "4711-080523"}
    for word in words:
        assert all(leaks([word], [("x", b"?" + form + b"?")]) for form in written(word))
    assert leaks(words, [("x", b"nothing here")]) == []


async def test_a_name_stands_nowhere_but_in_the_vault(site, nats, tmp_path, station):
    planted = wires()
    async with listening(nats.settings) as heard, Gateway(ward_port(site)) as gateway:
        await site.enrol("S1", "bed-1", "usual_vp01")
        for control_id, kind in (("M2", "unknown"), ("M3", "odd")):
            assert f"MSA|CA|{control_id}".encode() in await gateway.send(planted[kind])

        async def alarmed():
            assert b"MSA|CA|M1" in await gateway.send(planted["known"])
            return (await site.status())["subjects"]["S1"]["alerts"].get("SEVERE_LOW")

        await until(alarmed, "an alert")
        await until(lambda: any("/alerts/" in topic for topic, _ in heard), "its message")
        await until(lambda: station.polls > 1, "the pump is heard")
        status = await site.status()
        assert leaks(SECRETS, await shown(site)) == []
        assert leaks(SECRETS, stored(site, tmp_path)) == []
    # The counts a person needs are there all the same.
    ward = status["links"]["ward"]
    assert len(ward["unknown_beds"]) == 1
    assert {"99871^L", "99872^L"} <= set(ward["unmapped"])
    assert status["beds"]["bed-1"]["channels"]["bed-1-pumps|50111"]["drug"] == "norepinephrine"
    assert await site.stop() == 0
    assert leaks(SECRETS, published(heard)) == []
    assert leaks(SECRETS, stored(site, tmp_path)) == []
    await prove_citations(site, [wire[1:-2] for wire in planted.values()])


async def prove_citations(site, planted):
    """Each row of the journal that cites an original leads to the very bytes of the wire."""
    connection = sqlite3.connect(site.journal)
    cited = connection.execute(
        "SELECT original, part, original_hash FROM input WHERE original IS NOT NULL"
    ).fetchall()
    connection.close()
    connection = sqlite3.connect(site.folder / "store" / "vault.db")
    sealed = dict(connection.execute("SELECT id, sealed FROM original"))
    connection.close()
    vault = await Vault.open(
        site.folder / "store" / "vault.db", load_key(site.folder / "vault.key")
    )
    originals = [await vault.read(number, part) for number, part, _ in cited]
    await vault.close()
    assert all(hashlib.sha256(sealed[number]).digest() == digest for number, _, digest in cited)
    assert set(planted) <= {o.raw for o in originals if o.link == "ward"}
    pumps = [o.raw for o in originals if o.link == "bed-1-pumps"]
    assert any(PUMP_PATIENT.encode() in raw and PUMP_LABEL.encode() in raw for raw in pumps)


async def test_a_refused_message_type_is_not_quoted_in_the_log(site, tmp_path):
    """A sender that leaves out a field puts the patient's name where the type should be."""
    async with Gateway(ward_port(site)) as gateway:
        wire = f"\x0bMSH|^~\\&|GW|W|MD|W|||{NAME}|M9|P|2.6\rPID|||{RECORD}\r\x1c\r"
        assert b"MSA|AR|M9" in await gateway.send(wire.encode())
    links = (await site.status())["links"]
    assert links["ward"]["faults"] == {"HL7_MESSAGE_TYPE": 1}
    assert leaks(SECRETS, [*await answered(site), *stored(site, tmp_path)]) == []


def adt(event: str, bed: str, prior: str) -> bytes:
    """An ADT message of the planted patient, framed for MLLP."""
    segments = [
        f"MSH|^~\\&|ADT|W|MD|W|||ADT^{event}|{event}|P|2.6|||AL|NE||UNICODE UTF-8",
        f"EVN|{event}",
        f"PID|||{RECORD}^^^W^MR||{NAME}~{KANJI}",
        f"PV1||I|{bed}|||{prior}",
    ]
    return b"\x0b" + "".join(s + "\r" for s in segments).encode() + b"\x1c\r"


def technical_alarm() -> bytes:
    """A PCD-04 report whose texts hold the patient's name, also where a code or phase should be."""
    family, event = NAME.partition("^")[0], "196916^MDC_EVT_SENSOR_DISCONN^MDC"
    segments = [
        "MSH|^~\\&|GW|W|MD|W|||ORU^R40^ORU_R40|R40|P|2.6|||AL|NE||UNICODE UTF-8",
        f"PID|||{RECORD}^^^W^MR||{NAME}",
        f"PV1||I|{KNOWN_BED}",
        "OBR|1||F1|196616^MDC_EVT_ALARM^MDC",
        f"OBX|1|CWE|196616^MDC_EVT_ALARM^MDC|1.1.1.1.1|{event}^^^^^^ABP sensor of {family}",
        f"OBX|2|ST|68481^MDC_ATTR_EVENT_PHASE^MDC|1.1.1.1.2|{family}",
        "OBR|2||F2|196616^MDC_EVT_ALARM^MDC",
        f"OBX|3|CWE|196616^MDC_EVT_ALARM^MDC|1.1.1.2.1|{NAME}",
    ]
    return b"\x0b" + "".join(s + "\r" for s in segments).encode() + b"\x1c\r"


async def test_a_patient_who_moves_is_followed_without_his_name(site, nats, tmp_path):
    async with listening(nats.settings) as heard, Gateway(ward_port(site)) as gateway:
        await site.enrol("S1", "bed-1", "usual_vp01")
        assert b"MSA|CA|R40" in await gateway.send(technical_alarm())
        assert b"MSA|CA|A02" in await gateway.send(adt("A02", UNKNOWN_BED, KNOWN_BED))
        assert b"MSA|CA|A40" in await gateway.send(adt("A40", "", ""))

        async def moved():
            return (await site.status())["subjects"]["S1"]["bed"] is None

        await until(moved, "he is in no bed of ours")
        assert leaks(SECRETS, await shown(site)) == []
        assert leaks(SECRETS, stored(site, tmp_path)) == []
        assert leaks(SECRETS, published(heard)) == []


async def test_a_broken_pump_frame_is_not_quoted_in_the_log(site, tmp_path, station):
    station.spoil = b"\x01QUILLFEATHER " + RECORD.encode() + b"\x04"

    async def counted():
        return (await site.status())["links"]["bed-1-pumps"]["faults"] == {"FRAME": 1}

    await until(counted, "the broken frame is counted")
    assert leaks(SECRETS, [*await answered(site), *stored(site, tmp_path)]) == []


async def test_the_label_of_a_station_is_not_shown(tmp_path, nats):
    """BCC's bed id is what the hospital typed at the station; a quiet station is told in words."""
    station = ScriptedStation({}, STATION_BED)
    station.answer_only_alive = True
    async with station.serving():
        made = Site(
            tmp_path / "site", nats.settings, ("bed-1",), speed=60.0,
            extra='[[links]]\nname = "pumps"\ndriver = "bbraun_space"\nbed = "bed-1"\n'
            f'connect = "127.0.0.1:{station.port}"\nexpected_period = 0.5',
        )  # fmt: skip
        async with listening(nats.settings) as heard:
            try:
                await made.start()

                async def silent():
                    return (await made.status())["links"]["pumps"]["state"] == "silent"

                await until(silent, "the station is told to be silent")
                await until(
                    lambda: any(b'"silent"' in said for _, said in heard), "and so is the broker"
                )
                assert (
                    leaks(
                        SECRETS, [*await answered(made), *stored(made, tmp_path), *published(heard)]
                    )
                    == []
                )
            finally:
                await made.stop()
                tidy(made.process)
