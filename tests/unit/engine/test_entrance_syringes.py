"""What a site says of channels whose pumps name no drug: `links.drugs` of the configuration."""

import pytest

from monitor_daemon import resources
from monitor_daemon.config import load
from monitor_daemon.core.drugs import DrugTable
from monitor_daemon.core.errors import ConfigError
from monitor_daemon.core.events import Flow
from monitor_daemon.core.vocabulary import Infusion, PumpStatus, Quality
from monitor_daemon.daemon import link_map
from monitor_daemon.engine.entrance import Entrance

DRUGS = DrugTable.parse(resources.text("drugs.toml"))
SITE = """
[site]
id = "icu"
zone = "Asia/Tokyo"
[store]
directory = "store"
vault_key_file = "vault.key"
[control]
socket = "control.sock"
[[protocols]]
id = "personalise"
[[beds]]
alias = "bed-1"
[[links]]
name = "pumps"
driver = "terumo_ss3"
listen = "127.0.0.1:4001"
bed = "bed-1"
study_channels = ["S"]
[links.drugs]
"""


@pytest.fixture
def entrance(tmp_path):
    def made(*lines):
        path = tmp_path / "site.toml"
        path.write_text(SITE + "\n".join(lines))
        config = load(path)
        return Entrance(link_map(config, config.links[0]), DRUGS, str)

    return made


def flow(entrance, channel="7", drug=None, **more):
    row = Infusion(channel, drug, 6.0, PumpStatus.RUNNING, quality=Quality.GOOD, **more)
    (data,) = entrance.admit([row])
    (found,) = data.flows
    return found


def test_a_channel_without_a_name_carries_what_the_site_wrote(entrance):
    made = entrance('7 = "Noradrenaline 5mg/50mL"')
    # 5 mg in 50 mL are 0.1 mg in each.
    assert flow(made) == Flow(
        "7", "running", 6.0, "norepinephrine", concentration=0.1, unit="mg/mL", derived=True
    )
    assert not made.counts.unknown_drugs
    assert flow(made, "8").drug is None
    assert made.counts.unknown_drugs == {"no drug name": 1}


def test_the_pumps_own_words_win(entrance):
    made = entrance('7 = "Noradrenaline 5mg/50mL"')
    assert flow(made, drug="Vasopressin").drug == "vasopressin"
    assert flow(made, drug="???").drug is None
    found = flow(made, concentration=0.06, concentration_unit="mg/mL")
    assert (found.drug, found.concentration, found.derived) == ("norepinephrine", 0.06, False)


def test_a_concentration_of_unknown_unit_is_none(entrance):
    found = flow(entrance('7 = "Noradrenaline 5mg/50mL"'), concentration=0.06)
    assert (found.concentration, found.unit, found.derived) == (0.1, "mg/mL", True)


def test_a_pump_without_a_channel_is_the_channel_of_no_name(entrance):
    made = entrance('"" = "Noradrenaline 5mg/50mL"')
    assert flow(made, None).drug == "norepinephrine"


def test_a_label_without_a_concentration_names_the_drug_only(entrance):
    found = flow(entrance('7 = "Noradrenaline"'))
    assert (found.drug, found.concentration, found.derived) == ("norepinephrine", None, False)


@pytest.mark.parametrize(
    ("line", "code", "reason"),
    [
        ('7 = "NAD"', "CONFIG_DRUG", r"pumps\.drugs\.7 = 'NAD': no entry of"),
        ('S = "Vasopressin"', "CONFIG_LINK", r"pumps\.drugs\.S = .* one of study_channels"),
        ('7 = ""', "CONFIG_KEY", r'links\[0\]\.drugs\.7 = "": '),
    ],
)
def test_fault_a_wrong_label_is_refused(entrance, line, code, reason):
    with pytest.raises(ConfigError, match=reason) as caught:
        entrance(line)
    assert caught.value.code == code
