"""What the entrance lets in of a blinded infusion: a status and a rate, whatever it says."""

from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_blind import BAGS, DRUGS, infusion

from drivers.kit.registry import load_driver
from monitor_daemon.config import Bed, Control, LinkConfig, ProtocolFile, Site, SiteConfig, Store
from monitor_daemon.core.drugs import DrugTable
from monitor_daemon.core.errors import ConfigError
from monitor_daemon.core.events import Data, Flow
from monitor_daemon.core.vocabulary import Alarm, Fault, Unmapped
from monitor_daemon.daemon import Daemon, link_map, make_link
from monitor_daemon.engine.entrance import Entrance, LinkMap


def admitted(*told, study=("S",)):
    entrance = Entrance(LinkMap("pumps", UTC, bed="B1", study=study), DRUGS, lambda code: "x")
    (data,) = entrance.admit(told)
    return data, entrance.counts.plain()


@pytest.mark.parametrize("bag", BAGS)
@pytest.mark.parametrize("label", [None, "", "???", "NORADRENALINE", "PROPOFOL"])
def test_a_study_channel_is_masked_whatever_its_label(bag, label):
    row = infusion("S", rate=3.0, **(BAGS[bag] | ({} if label is None else {"drug": label})))
    data, counts = admitted(row)
    assert data.flows == (Flow("S", "running", 3.0, "study"),)
    assert not any(counts.values())


def test_a_study_pump_without_a_channel_is_masked():
    data, _ = admitted(infusion(None, "NORADRENALINE", 3.0), study=("",))
    assert data.flows == (Flow("", "running", 3.0, "study"),)


@pytest.mark.parametrize(
    "label",
    ["STUDY DRUG", "Étude ARGI", "Argipressine ou placebo", "ARGIPRESSIN/PLACEBO", "Double aveugle",
     "DOUBLE-BLIND BAG", "治験薬", "ﾌﾟﾗｾﾎﾞ", "盲検", "Investigational product"],
)  # fmt: skip
def test_a_blinded_label_on_any_channel_is_masked(label):
    data, counts = admitted(infusion("7", label, 3.0, concentration=0.4), study=())
    assert data.flows == (Flow("7", "running", 3.0, "study"),)
    assert not any(counts.values())


@pytest.mark.parametrize(
    ("label", "drug"),
    [("Argipressine", "vasopressin"), ("NORADRENALINE ETUDE", "norepinephrine"),
     ("INSULINE", "other"), ("Actrapid", "other"), ("NaCl 0.9%", "other"), ("KIT", None),
     ("Atrial peptide", None), ("Alprostadil bras G", None)],
)  # fmt: skip
def test_open_drugs_are_not_taken_for_the_study_drug(label, drug):
    data, _ = admitted(infusion("7", label, 3.0))
    assert data.flows[0].drug == drug


def test_what_is_unmapped_in_a_message_of_the_study_pump_is_not_counted():
    told = (Unmapped("INDOSE-U", "0.02", "U/min"), Fault("RECORD", 0, "0.02 U/min"))
    data, counts = admitted(*told, infusion("S", "", 3.0))
    assert (data.unmapped, counts["unmapped"], counts["faults"]) == ((), {}, {"RECORD": 1})
    data, counts = admitted(*told, infusion("N", "NORAD", 3.0))
    assert data.unmapped == ("INDOSE-U",)


@pytest.mark.parametrize(
    "told",
    [Unmapped("ARGIPRESSINE^Argipressine dose^99L", "0.02", "U/min"), Alarm("196670", "dose high"),
     Alarm("ARGI", "dose high"), Alarm("196916", "occlusion", state="active")],
)  # fmt: skip
def test_what_a_study_pump_may_have_said_in_a_message_of_its_own_is_not_told(told):
    data, counts = admitted(told)
    assert data == Data("pumps", None)
    assert not any(counts.values())
    # A link without a study pump tells it.
    data, counts = admitted(told, study=())
    assert data != Data("pumps", None) or any(counts.values())


def test_an_alarm_of_the_arterial_line_comes_in_beside_a_study_pump():
    alarm = Alarm("352", "ABP ZERO + CHECK CAL", state="active")
    for message in ([alarm], [alarm, infusion("S", "NaCl", 3.0)]):
        data, _ = admitted(*message)
        assert [told.code for told in data.alarms] == ["352"]


def test_fault_a_drug_file_without_a_study_drug_is_refused():
    with pytest.raises(ConfigError, match=r"\[drug.study\] is missing, which links.pumps.study"):
        Entrance(LinkMap("pumps", UTC, study=["S"]), DrugTable([]), str)


labels = st.none() | st.text(max_size=20)


@given(labels, labels, st.floats(0, 100), st.none() | st.floats(0, 9), st.none() | st.floats(0, 9))
def test_whatever_a_study_pump_says_only_its_rate_comes_in(one, other, rate, dose, amount):
    rows_of = [
        infusion("S", one, rate, dose=dose, dose_unit="U/min", concentration=amount),
        infusion("S", other, rate),
    ]
    (first, counts), (second, same) = map(admitted, rows_of)
    assert (first, counts) == (second, same)
    assert isinstance(first, Data)


@pytest.mark.parametrize(("study", "told"), [((), True), (("S",), False)])
def test_the_status_of_a_study_pumps_link_counts_no_bytes(tmp_path, study, told):
    # The label of the bag is among them, and has its length.
    link = LinkConfig(name="pumps", driver="bbraun_space", port="/dev/null", study_channels=study)
    config = SiteConfig(
        site=Site(id="icu", zone="UTC"),
        store=Store(directory=tmp_path, vault_key_file=tmp_path / "key"),
        control=Control(socket=tmp_path / "socket"),
        protocols=(ProtocolFile(id="argipressin"),),
        beds=(Bed(alias="B1"),),
        links=(link,),
    )
    daemon = Daemon(config)
    daemon.links = {"pumps": make_link(link, load_driver("bbraun_space"), sink=None)}
    daemon.entrances = {"pumps": Entrance(link_map(config, link), DRUGS, str)}
    assert ("bytes_in" in daemon._link_status("pumps")) is told
