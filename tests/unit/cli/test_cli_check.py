"""`check` names file, key and reason of every mistake; exit code 1, one line each."""

from dataclasses import replace

import pytest
from typer.testing import CliRunner

from drivers.kit.registry import load_driver
from monitor_daemon.cli.main import app

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
name = "gateway"
driver = "hl7"
listen = "127.0.0.1:2575"
[links.beds]
"W^R^1" = "bed-1"
"""


PROTOCOL = """
[protocol]
id = "small"
version = "1"
title = "A small protocol"
first_phase = "ACTIVE"
[arms.low]
[parameters]
tol_low = 2
[rules.MAP_LOW]
kind = "map_low"
clause = "1"
class = "attention"
phases = ["ACTIVE"]
margin = "tol_low"
grace = 15
"""


@pytest.fixture(autouse=True)
def _vault_key(tmp_path):
    (tmp_path / "vault.key").write_text("5a" * 32)


def check(path):
    return CliRunner().invoke(app, ["check", str(path)])


@pytest.fixture
def changed(tmp_path):
    """`check` of the configuration with one text replaced by another."""

    def change(old, new):
        assert old in SITE
        path = tmp_path / "site.toml"
        path.write_text(SITE.replace(old, new, 1), encoding="utf-8")
        return path, check(path)

    return change


def test_a_right_configuration_is_ok(changed):
    path, done = changed("icu", "icu")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == f"OK {path}: site icu, 1 beds, 1 links\n"


@pytest.mark.parametrize(
    ("old", "new", "code", "said"),
    [
        ('alias = "bed-1"', 'alias = "bed 1"', "CONFIG_KEY", ':13:9: beds[0].alias = "bed 1": '),
        ('alias = "bed-1"', 'alias = "bed/1"', "CONFIG_KEY", ':13:9: beds[0].alias = "bed/1": '),
        ('alias = "bed-1"', 'alias = "bed-2"', "CONFIG_KEY", "bed 'bed-1' is not one of"),
        ('id = "icu"', 'id = "my icu"', "CONFIG_KEY", ':3:6: site.id = "my icu": '),
        ("Asia/Tokyo", "Asia/Edo", "CONFIG_KEY", 'site.zone = "Asia/Edo": no such time zone'),
        ("[control]", "[controll]", "CONFIG_KEY", ":8:2: controll: no such key"),
        ('listen = "', 'conect = "', "CONFIG_KEY", ":17:1: links[0].conect: no such key"),
        ('listen = "127.0.0.1:2575"', "", "CONFIG_KEY", ":14:3: links[0]: give exactly one of"),
        ('listen = "127.0.0.1:2575"', 'port = "/dev/x"', "CONFIG_LINK", "links.gateway.port"),
        ('"127.0.0.1:2575"', '"127.0.0.1:abc"', "CONFIG", "links.gateway: address '127.0.0.1:abc'"),
        ('driver = "hl7"', 'driver = "hl8"', "UNKNOWN_DRIVER", "links.gateway.driver: "),
        (
            "[links.beds]",
            "[links.drugs]\n7 = 'NAD'\n[links.beds]",
            "CONFIG_DRUG",
            "drugs.7 = 'NAD': ",
        ),
        ('id = "personalise"', 'id = "other"', "CONFIG_PROTOCOL", "protocols.id = 'other'"),
        ("[site]", "[site", "CONFIG_SYNTAX", "site.toml:2:6: "),
        ("[links.beds]", "[links.options]\nspeed = 1\n[links.beds]", "CONFIG_LINK", "speed"),
        (
            'driver = "hl7"\nlisten = "127.0.0.1:2575"',
            'driver = "bbraun_space"\nconnect = "spacecom:4001"\noptions = {poll_period = 0.5}',
            "CONFIG_LINK",
            "links.gateway.options: poll_period = 0.5: at least 1",
        ),
    ],
)
def test_a_mistake_is_named_by_file_key_and_reason(changed, old, new, code, said):
    path, done = changed(old, new)
    first = done.stderr.splitlines()[0]
    assert first.startswith(f"{code}: ")
    assert str(path) in first
    assert said in done.stderr
    assert done.exit_code == 1
    assert done.stdout == ""


@pytest.mark.parametrize("command", [["check"], ["run", "--config"]])
def test_two_mistakes_are_shown_where_they_stand_by_check_and_run(tmp_path, command):
    path = written(tmp_path, SITE.replace('"icu"', '"my icu"').replace("Tokyo", "Edo"))
    done = CliRunner().invoke(app, [*command, str(path)])
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == (
        f'CONFIG_KEY: {path}:3:6: site.id = "my icu":'
        " use 1 to 64 of the letters A-Z a-z, digits, _ and -, no spaces\n"
        '      3 | id = "my icu"\n'
        "        |      ^^^^^^^^\n"
        f'CONFIG_KEY: {path}:4:8: site.zone = "Asia/Edo":'
        " no such time zone; write it as in Europe/Paris\n"
        '      4 | zone = "Asia/Edo"\n'
        "        |        ^^^^^^^^^^\n"
    )


def test_a_key_that_is_missing_is_shown_at_its_table(tmp_path):
    done = check(written(tmp_path, SITE.replace('zone = "Asia/Tokyo"\n', "")))
    assert done.stderr.splitlines()[0].endswith(":2:2: site.zone: Field required")


def test_a_wrong_file_does_not_hide_a_right_one(tmp_path):
    right, wrong = tmp_path / "right.toml", tmp_path / "wrong.toml"
    right.write_text(SITE)
    wrong.write_text("[drug.x]\n")
    done = CliRunner().invoke(app, ["check", str(wrong), str(right)])
    assert done.exit_code == 1
    assert str(wrong) in done.stderr
    assert done.stdout.startswith(f"OK {right}")


def test_a_file_without_a_table_that_we_know_is_told_what_there_is(tmp_path):
    path = written(tmp_path, "[rule.MAP_LOW]\nkind = 'map_low'\n")
    done = check(path)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == (
        f"CONFIG_FILE: {path}: of no kind that is known: a site configuration has a table [site], a"
        " protocol file [protocol], a drug file [drug.NAME], a code map [[code]]\n"
    )


def test_a_byte_order_mark_is_named(tmp_path):
    path = written(tmp_path, "\ufeff" + PROTOCOL)
    first = check(path).stderr.splitlines()[0]
    assert first.startswith(f"CONFIG_SYNTAX: {path}:1:1: begins with a byte order mark")


@pytest.mark.parametrize("content", [b"\xff\xfe", b"", b"x = 1\n"])
def test_a_file_of_no_kind_is_refused_by_name(tmp_path, content):
    path = tmp_path / "odd.toml"
    path.write_bytes(content)
    done = check(path)
    assert done.exit_code == 1
    assert str(path) in done.stderr.splitlines()[0]


def test_a_file_that_is_not_there_is_wrong_use(tmp_path):
    done = check(tmp_path / "none.toml")
    assert done.exit_code in {1, 2}
    assert str(tmp_path / "none.toml") in done.stderr


def written(folder, text, name="small.toml"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_wrong_protocol_is_shown_as_a_compiler_does(tmp_path):
    path = written(tmp_path, PROTOCOL.replace('"tol_low"', '"tol_lo"').replace("15", "nan"))
    done = check(path)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == (
        f'CONFIG_RULE: {path}:15:10: rules.MAP_LOW.margin = "tol_lo":'
        " parameter 'tol_lo' is not known; did you mean tol_low?\n"
        '     15 | margin = "tol_lo"\n'
        "        |          ^^^^^^^^\n"
        f"CONFIG_RULE: {path}:16:9: rules.MAP_LOW.grace = nan:"
        " a number (at most 1e+06), the name of a parameter, or a list of them to add\n"
        "     16 | grace = nan\n"
        "        |         ^^^\n"
    )


def test_carets_stand_below_a_value_behind_a_tab(tmp_path):
    path = written(tmp_path, PROTOCOL.replace('margin = "tol_low"', '\tmargin\t= "tol_lo"'))
    shown, carets = check(path).stderr.splitlines()[1:]
    assert shown == '     15 | \tmargin\t= "tol_lo"'
    assert carets == "        | \t      \t  ^^^^^^^^"


def test_a_warning_is_said_and_the_file_is_still_ok(tmp_path):
    path = written(tmp_path, PROTOCOL.replace("tol_low = 2", "tol_low = 2\nspare = 3"))
    done = check(path)
    assert done.exit_code == 0
    assert done.stdout == f"OK {path}: protocol small 1, 1 arms\n"
    assert done.stderr == (
        f"warning CONFIG_UNUSED: {path}:10:1: parameters.spare: no rule uses this parameter\n"
        "     10 | spare = 3\n"
        "        | ^^^^^\n"
    )


def test_the_protocol_file_of_a_site_is_checked_with_it(tmp_path):
    site = SITE.replace('id = "personalise"', 'file = "small.toml"')
    protocol = written(tmp_path, PROTOCOL.replace('"tol_low"', '"tol_lo"'))
    done = check(written(tmp_path, site, "site.toml"))
    assert done.exit_code == 1
    assert done.stderr.startswith(f"CONFIG_RULE: {protocol}:15:10: ")
    written(tmp_path, PROTOCOL.replace("[arms.low]", "[arms.low"))
    done = check(written(tmp_path, site, "site.toml"))
    assert done.stderr.startswith(f"CONFIG_SYNTAX: {protocol}:7:10: ")


def test_a_site_that_names_itself_as_its_protocol_is_told_so(tmp_path):
    site = SITE.replace('id = "personalise"', 'file = "site.toml"')
    done = check(written(tmp_path, site, "site.toml"))
    assert done.exit_code == 1
    assert f"{tmp_path / 'site.toml'}:1:1: protocol: missing; a table [protocol]" in done.stderr


def test_every_link_with_a_mistake_is_named(tmp_path):
    link = '\n[[links]]\nname = "pumps"\ndriver = "hl8"\nport = "x"\n'
    site = SITE.replace('driver = "hl7"', 'driver = "hl9"') + link
    lines = check(written(tmp_path, site)).stderr.splitlines()
    assert [line.split(": ")[2] for line in lines] == [
        "links.gateway.driver",
        "links.pumps.driver",
    ]


@pytest.mark.parametrize("mistake", [ValueError("depth: too deep"), TypeError("depth: no number")])
def test_what_a_driver_says_of_its_options_is_a_mistake_of_the_link(changed, monkeypatch, mistake):
    """A third-party driver may refuse options with errors of its own."""

    def refuse(settings):
        raise mistake

    driver = replace(load_driver("hl7"), session=refuse)
    monkeypatch.setattr("monitor_daemon.cli.check.load_driver", lambda name: driver)
    path, done = changed("icu", "icu")
    assert done.exit_code == 1
    assert done.stderr == f"CONFIG_LINK: {path}: links.gateway.options: {mistake}\n"


DRI = 'driver = "ge_dri"\nport = "/dev/ttyUSB0"\n'


@pytest.mark.parametrize(
    ("link", "warned"),
    [
        ("options = {interval = 5}", ""),
        ("options = {interval = 60}", "interval = 60: 60 s, but a message is expected every 5 s"),
        ("expected_period = 60\noptions = {interval = 60}", ""),
        ("expected_period = 30\noptions = {interval = 60}", "expected every 30 s"),
        ("expected_period = 4", "expected every 4 s"),
        ("expected_period = 4\noptions = {passive = true}", ""),
    ],
)
def test_a_device_asked_less_often_than_expected_is_warned_of(changed, link, warned):
    path, done = changed('driver = "hl7"\nlisten = "127.0.0.1:2575"\n', f"{DRI}{link}\n")
    assert (done.exit_code, done.stdout) == (0, f"OK {path}: site icu, 1 beds, 1 links\n")
    assert done.stderr.startswith("warning CONFIG_PERIOD: ") is bool(warned)
    assert warned in done.stderr


CODES = """
[map]
title = "South wing"
source = "list of 2026-03-01"
[[code]]
system = "99MNDRY"
code = "4711"
signal = "art_map"
"""


def with_maps(option):
    return f"{SITE}[links.options]\ncode_map = {option}\n"


def test_the_code_maps_of_a_site_lie_beside_it_and_are_listed(tmp_path, monkeypatch):
    codes = written(tmp_path, CODES, "codes.toml")
    path = written(tmp_path, with_maps('["codes.toml", "ge-p1"]'), "site.toml")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    done = check(path)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == (
        f"OK {path}: site icu, 1 beds, 1 links\n"
        f"OK {codes}: code map, 1 codes for art_map\n"
        "OK ge-p1: code map, 3 codes for art_dia, art_map, art_sys\n"
    )


def test_every_mistake_of_a_code_map_is_said_where_it_stands(tmp_path):
    wrong = CODES.replace('"art_map"', '"art_mean"').replace('"4711"', "4711")
    codes = written(tmp_path, wrong + '[[code]]\nname = "B"\n', "codes.toml")
    site = check(written(tmp_path, with_maps('"codes.toml"'), "site.toml"))
    alone = check(codes)
    assert site.exit_code == alone.exit_code == 1
    assert site.stdout == alone.stdout == ""
    assert [line.split(": ")[0] for line in alone.stderr.splitlines()] == ["CONFIG_KEY"] * 2
    for line, said in (
        (7, "code 1: code = '4711': a text, in quotes"),
        (9, "code 2: signal: miss"),
    ):
        assert f"{codes}:{line}: {said}" in site.stderr
        assert f"{codes}:{line}: {said}" in alone.stderr


def test_a_code_map_alone_is_checked_whatever_it_is_called(tmp_path):
    path = written(tmp_path, CODES, "codes.txt")
    assert check(path).stdout == f"OK {path}: code map, 1 codes for art_map\n"


def test_a_code_map_that_gives_a_known_code_another_meaning_is_told(tmp_path):
    # 150023 is the mean of a cuff, MDC_PRESS_BLD_NONINV_MEAN (ISO/IEEE 11073-10101).
    cuff = CODES.replace('"99MNDRY"', '"MDC"').replace('"4711"', '"150023"')
    said = check(written(tmp_path, cuff, "codes.toml")).stdout
    assert said.endswith("; 150023 is art_map, not nibp_map\n")


def test_a_code_map_that_is_not_there_is_named_with_its_link(tmp_path):
    path = written(tmp_path, with_maps('"codes.toml"'), "site.toml")
    done = check(path)
    assert done.exit_code == 1
    assert done.stderr == (
        f"CONFIG_LINK: {path}: links.gateway.options: {tmp_path / 'codes.toml'}:"
        " No such file or directory\n"
    )
