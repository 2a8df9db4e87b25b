"""What `drivers probe` and `explain` show of a block: every record, used or not, no patient."""

from hypothesis import given
from hypothesis import strategies as st

from drivers.bbraun_space.driver import DRIVER
from drivers.bbraun_space.explain import explain, messages
from drivers.bbraun_space.frames import ACK, encode
from drivers.kit.probe import Explained, explainer

OPTIONS = DRIVER.settings({})
BLOCK = (
    "20,50100,FMNOR,1\x1e20,50112,GNMODEL,688N030006\r\x1e20,50112,INRT,5.00\x1e"
    "20,50112,RUNSTATE,2\x1e20,50112,INP2,33\x1e20,50112,INNR,0A1B2C3D\x1e"
    "20,50112,INDORT,_NV\x1e20,50112,PATID,4711"
)


def parts(raw):
    return {part.place: (part.wire, part.use) for part in explain(raw, OPTIONS)}


def test_every_record_of_a_block_is_shown_whether_it_is_used_or_not():
    found = parts(encode("ICU7", BLOCK))
    assert found == {
        "station FMNOR": ("1", "ignored: not needed here"),
        "50112 GNMODEL": ("688N030006", "used: which pump it is"),
        "50112 INRT": ("5.00", "used"),
        "50112 RUNSTATE": ("2", "used"),
        "50112 INP2": ("33", "ignored: not needed here"),
        "50112 INNR": ("0A1B2C3D", "used: which pump it is"),
        "50112 INDORT": ("_NV", "used: no value"),
        "50112 PATID": ("not shown", "used"),
        "-> infusion": ("50112", "5 (running) mL/h good"),
    }
    assert explainer(DRIVER) is explain


def test_the_version_of_a_station_is_shown():
    assert parts(encode("ICU7", "15,50100,V3.30")) == {
        "station version": ("V3.30", "used: which BCC it speaks")
    }


def test_a_frame_that_cannot_be_read_is_explained():
    [(place, (_, use))] = parts(b"\x01x\x04").items()
    assert place == "frame"
    assert use.startswith("unreadable")


def test_the_frames_of_a_file():
    raw = encode("ICU7", BLOCK)
    first, (at, fault), last = messages(raw + ACK + raw[:-5] + raw, OPTIONS)
    assert (first, last) == ((0, raw), (2 * len(raw) - 4, raw))
    assert (at, fault.code) == (len(raw) + 1, "FRAME")


@given(st.binary() | st.text("019,INRT_V\x1e", max_size=40).map(lambda t: encode("1", t)))
def test_any_bytes_are_explained(raw):
    assert all(isinstance(part, Explained) for part in explain(raw, OPTIONS))
