"""PCD-01 messages as a monitoring gateway sends them (IHE DEV TF Volume 2)."""

from datetime import datetime

METRICS = (
    ("147842^MDC_ECG_HEART_RATE^MDC", "1.1.1.1", "88", "264864^MDC_DIM_BEAT_PER_MIN^MDC"),
    ("150037^MDC_PRESS_BLD_ART_ABP_SYS^MDC", "1.2.1.1", "101", "266016^MDC_DIM_MMHG^MDC"),
    ("150038^MDC_PRESS_BLD_ART_ABP_DIA^MDC", "1.2.1.2", "51", "266016^MDC_DIM_MMHG^MDC"),
    ("150039^MDC_PRESS_BLD_ART_ABP_MEAN^MDC", "1.2.1.3", "66", "266016^MDC_DIM_MMHG^MDC"),
    ("150087^MDC_PRESS_BLD_VEN_CENT_MEAN^MDC", "1.2.2.1", "11", "266016^MDC_DIM_MMHG^MDC"),
    ("150021^MDC_PRESS_BLD_NONINV_SYS^MDC", "1.3.1.1", "103", "266016^MDC_DIM_MMHG^MDC"),
    ("150022^MDC_PRESS_BLD_NONINV_DIA^MDC", "1.3.1.2", "55", "266016^MDC_DIM_MMHG^MDC"),
    ("150023^MDC_PRESS_BLD_NONINV_MEAN^MDC", "1.3.1.3", "70", "266016^MDC_DIM_MMHG^MDC"),
    ("150456^MDC_PULS_OXIM_SAT_O2^MDC", "1.4.1.1", "96", "262688^MDC_DIM_PERCENT^MDC"),
    ("149530^MDC_PULS_OXIM_PULS_RATE^MDC", "1.4.1.2", "88", "264864^MDC_DIM_BEAT_PER_MIN^MDC"),
    ("151562^MDC_RESP_RATE^MDC", "1.1.1.2", "17", "264928^MDC_DIM_RESP_PER_MIN^MDC"),
    ("150368^MDC_TEMP_CORE^MDC", "1.6.1.1", "38.1", "268192^MDC_DIM_DEGC^MDC"),
)


def pcd01(at: datetime, bed: int, number: int, observations: int) -> str:
    """A message without MLLP bytes; values differ with `number`."""
    time = at.strftime("%Y%m%d%H%M%S%z")
    head = (
        f"MSH|^~\\&|GW^0022330000000A01^EUI-64|ICU|MD||{time}||ORU^R01^ORU_R01|{bed}-{number}|P|2.6"
        f"|||AL|NE||UNICODE UTF-8\rPID|||R{bed}^^^ICU^MR||^^^^^^U\rPV1||I|ICU^1^{bed}\r"
        f"OBR|1||F{number}|182777000^monitoring of patient^SCT|||{time}\r"
    )
    body = ""
    for n in range(observations):
        code, place, value, unit = METRICS[n % len(METRICS)]
        value = f"{value.partition('.')[0]}.{number % 10}"
        body += f"OBX|{n + 1}|NM|{code}|{n // len(METRICS)}.{place}|{value}|{unit}|||||R\r"
    return head + body
