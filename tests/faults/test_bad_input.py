"""Everything devices get wrong, through the real daemon: counted, named, found in `status`.

One daemon serves all tests; each has its own bed, and bed "calm" is judged all the while.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio
from pump_station import RUNNING, ScriptedStation
from site_process import Gateway, Site, arterial, message, pressure_message, tidy
from waiting import free_port, until

from drivers.bbraun_space.frames import encode
from monitor_daemon.notify.broker import EmbeddedBroker

pytestmark = pytest.mark.asyncio(loop_scope="module")

BEDS = ("calm", "low", "high", "odd", "label", "weak", "still", "pair", "noise")
MAP_CODE = "OBX|1|NM|150039^MDC_PRESS_BLD_ART_ABP_MEAN^MDC|1.2.1.3|66"


def obx_in(unit: str) -> str:
    return f"{MAP_CODE}|{unit}|||||R"


class Ward:
    """The daemon with its devices. `send` talks as the gateway, `pumps` are stations by bed."""

    def __init__(self, site: Site, pumps: dict[str, ScriptedStation]) -> None:
        self.site = site
        self.pumps = pumps
        self._sent = 0

    async def send(self, wire: bytes) -> bytes:
        """One message on a connection of its own; gives the answer, empty if there is none."""
        async with Gateway(self.site.mllp) as gateway:
            try:
                return await gateway.send(wire)
            except (asyncio.IncompleteReadError, ConnectionError):
                return b""

    async def tell(self, bed: str, *obx: str) -> None:
        """A well-formed message; it must be acknowledged whatever its values say."""
        self._sent += 1
        wire = message(f"T{self._sent}", f"WARD^ROOM^{bed}", "", *obx)
        assert f"MSA|CA|T{self._sent}".encode() in await self.send(wire)

    async def gateway(self) -> dict:
        return (await self.site.status())["links"]["gateway"]

    async def bed(self, name: str) -> dict:
        return (await self.site.status())["beds"].get(name, {})

    async def alert(self, subject: str, name: str) -> None:
        async def open_alert():
            return name in (await self.site.status())["subjects"][subject]["alerts"]

        await until(open_alert, f"{name} of {subject}")

    async def others_are_judged(self) -> None:
        """Two more minutes of the calm bed get a class."""

        async def judged():
            return sum((await self.site.status())["subjects"]["CALM"]["minutes"].values())

        before = await judged()

        async def more():
            await self.tell("calm", *arterial(66))
            return await judged() >= before + 2

        await until(more, "the calm bed is judged")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ward(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ward]:
    folder = tmp_path_factory.mktemp("bad-input")
    pumps = {
        "label": ScriptedStation({"50111": {**RUNNING, "INSOL": "Noxibel"}}),
        "weak": ScriptedStation({"50111": {**RUNNING, "INDCON": "0"}}),
        "still": ScriptedStation({"50111": {**RUNNING, "RUNSTATE": "0"}}),
        "pair": ScriptedStation({"50111": RUNNING, "50112": {**RUNNING, "INRT": "3.60"}}),
        "noise": ScriptedStation({"50111": RUNNING}),
    }
    lonely = free_port()
    async with EmbeddedBroker(folder / "broker") as broker:
        for station in pumps.values():
            await station.open()
        site = Site(
            folder / "site", broker.settings, BEDS,
            {bed: station.port for bed, station in pumps.items()}, speed=240.0,
            extra='[[links]]\nname = "lonely"\ndriver = "hl7"\nexpected_period = 0.3\n'
            f'listen = "127.0.0.1:{lonely}"',
        )  # fmt: skip
        try:
            await site.start()
            made = Ward(site, pumps)
            await site.enrol("CALM", "calm", "usual_vp01")

            async def active():
                await made.tell("calm", *arterial(66))
                return (await site.status())["subjects"]["CALM"]["phase"] == "ACTIVE"

            await until(active, "the calm bed is judged")
            yield made
            assert await site.stop() == 0, site.log()
        finally:
            tidy(site.process)
            for station in pumps.values():
                station.close()


async def test_an_unknown_bed_is_counted_under_a_stand_in(ward):
    for n in (1, 2):
        wire = pressure_message(f"N{n}", "NOWHERE^R9^B9", "", 66)
        assert f"MSA|CA|N{n}".encode() in await ward.send(wire)
    (counted,) = (await ward.gateway())["unknown_beds"].items()
    assert counted[0].isalnum()
    assert counted[1] >= 2
    await ward.others_are_judged()


@pytest.mark.parametrize("unit", ["999999^MDC_DIM_FURLONG^MDC", "cmH2Ofoo", ""])
async def test_an_unknown_unit_makes_no_pressure(ward, unit):
    before = (await ward.gateway())["unmapped"].get("150039^MDC", 0)
    await ward.tell("odd", obx_in(unit))
    assert (await ward.gateway())["unmapped"]["150039^MDC"] == before + 1
    assert (await ward.bed("odd")).get("last_pressure") is None
    await ward.others_are_judged()


async def test_an_unmapped_parameter_is_listed_by_its_code(ward):
    await ward.tell("odd", "OBX|1|NM|777001^Speculation index^99LOCAL|1.2.1.3|4|L^L^L|||||R")
    assert (await ward.gateway())["unmapped"]["777001^99LOCAL"] == 1
    await ward.others_are_judged()


@pytest.mark.parametrize(("bed", "mean"), [("low", -39), ("high", 801)])
async def test_a_pressure_no_patient_has_is_rejected_and_told(ward, bed, mean):
    subject = bed.upper()
    await ward.site.enrol(subject, bed, "usual_vp01")

    async def told():
        await ward.tell(bed, f"{MAP_CODE[:-2]}{mean}|266016^MDC_DIM_MMHG^MDC|||||R")
        return "ART_CHECK" in (await ward.site.status())["subjects"][subject]["alerts"]

    await until(told, "the arterial line is to be checked")
    status = await ward.site.status()
    assert status["beds"][bed]["rejected"]["range"] >= 2
    assert status["subjects"][subject]["map5"] is None
    await ward.others_are_judged()


async def test_half_a_message_before_a_whole_one_is_counted(ward):
    whole = pressure_message("H2", "WARD^ROOM^odd", "", 66)
    assert b"MSA|CA|H2" in await ward.send(pressure_message("H1", "odd", "", 66)[:200] + whole)
    assert (await ward.gateway())["faults"]["HL7_TRUNCATED"] == 1
    await ward.others_are_judged()


@asynccontextmanager
async def half_a_message(ward):
    """A message and a half on a link of its own; the connection is lost at the block's end."""
    port = int(ward.site.extra.rsplit(":", 1)[1].strip('"'))
    whole = pressure_message("Q1", "odd", "", 66)
    async with Gateway(port) as gateway:
        assert b"MSA|CA|Q1" in await gateway.send(whole)
        gateway.write(whole[:200])
        yield


async def test_half_a_message_and_then_silence_is_a_state_of_the_link(ward):
    async def silent():
        link = (await ward.site.status())["links"]["lonely"]
        return link["state"] == "silent" and "200 bytes but no valid frame" in link["reason"]

    async with half_a_message(ward):
        await until(silent, "the link is told to be silent")
        await ward.others_are_judged()


async def test_half_a_message_and_a_lost_connection_is_counted(ward):
    async def counted():
        return (await ward.site.status())["links"]["lonely"]["faults"].get("HL7_TRUNCATED")

    async with half_a_message(ward):
        pass
    await until(counted, "the lost half of a message is counted", 2)


async def test_a_message_of_20_mb_ends_its_own_connection_only(ward):
    huge = message("B1", "odd", "", "NTE|1||" + "x" * 20_000_000)
    assert await ward.send(huge) == b""
    assert (await ward.gateway())["faults"]["HL7_TOO_LONG"] == 1
    await ward.others_are_judged()


async def channel(ward, bed, address="50111"):
    async def heard():
        return (await ward.bed(bed)).get("channels", {}).get(f"{bed}-pumps|{address}")

    return await until(heard, f"pump {address} of {bed}")


async def test_an_unknown_drug_name_is_listed_and_told(ward):
    assert (await channel(ward, "label"))["drug"] == "unknown drug"
    assert (await ward.site.status())["links"]["label-pumps"]["unknown_drugs"]["Noxibel"] >= 1
    await ward.site.enrol("LABEL", "label", "usual_vp01")
    await ward.alert("LABEL", "DRUG_UNMAPPED")
    await ward.others_are_judged()


async def test_a_concentration_of_zero_is_not_known_and_told(ward):
    pump = await channel(ward, "weak")
    assert (pump["drug"], pump["rate_ml_h"], pump["concentration"]) == ("norepinephrine", 7.2, None)
    await ward.site.enrol("WEAK", "weak", "usual_vp01")
    await ward.alert("WEAK", "DRUG_UNMAPPED")
    assert (await ward.site.status())["subjects"]["WEAK"]["dose"] is None
    await ward.others_are_judged()


async def test_a_programmed_rate_of_a_stopped_pump_is_no_dose(ward):
    pump = await channel(ward, "still")
    assert (pump["status"], pump["rate_ml_h"]) == ("stopped", 0.0)
    await ward.site.enrol("STILL", "still", "usual_vp01")
    assert (await ward.site.status())["subjects"]["STILL"]["dose"] == 0.0
    await ward.others_are_judged()


async def test_two_syringes_of_norepinephrine_are_added(ward):
    await channel(ward, "pair")
    await channel(ward, "pair", "50112")
    await ward.site.enrol("PAIR", "pair", "usual_vp01")
    # (7.2 + 3.6) mL/h x 60 ug/mL / 60 min / 60 kg
    assert (await ward.site.status())["subjects"]["PAIR"]["dose"] == 0.18
    await ward.others_are_judged()


FRAME = encode("STATION1", "9,50111,INRT,999.0", stuffed=False)
CHECKSUM = int(FRAME[-6:-1])


@pytest.mark.parametrize(
    "damaged",
    [FRAME[:-6] + b"%05d\x04" % ((CHECKSUM + 1) % 256), FRAME[:-10]],
    ids=["wrong checksum", "truncated"],
)
async def test_a_damaged_pump_frame_is_counted_and_the_next_one_taken(ward, damaged):
    await channel(ward, "noise")

    async def counted():
        return (await ward.site.status())["links"]["noise-pumps"]["faults"].get("FRAME", 0)

    before, polls = await counted(), ward.pumps["noise"].polls
    ward.pumps["noise"].spoil = damaged

    async def one_more():
        return await counted() == before + 1

    await until(one_more, "the damaged frame is counted")
    await until(lambda: ward.pumps["noise"].polls > polls + 1, "the station is asked again")
    assert (await channel(ward, "noise"))["rate_ml_h"] == 7.2
    await ward.others_are_judged()


async def test_a_bed_alias_with_a_space_is_refused_by_check_and_by_run(ward, tmp_path):
    path = tmp_path / "site.toml"
    text = (ward.site.folder / "monitor-daemon.toml").read_text()
    path.write_text(text.replace('alias = "calm"', 'alias = "bed 1"'))
    for words in (("check", str(path)), ("run", "--config", str(path))):
        code, out, err = await ward.site.command(*words)
        assert (code, out) == (1, "")
        first = err.splitlines()[0]
        assert first.startswith(f"CONFIG_KEY: {path}:")
        assert 'beds[0].alias = "bed 1": ' in first
        assert "no spaces" in first
        assert "Traceback" not in err
    await ward.others_are_judged()
