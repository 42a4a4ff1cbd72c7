"""Messages as libgammu, written by others, reads and writes them: two that agree are seldom wrong in the same way."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.gsm import pdu
from drivers.gsm.address import ALPHANUMERIC, Address
from drivers.gsm.pdu import Deliver, StatusReport, Submit
from drivers.gsm.userdata import Coding, UserData, split
from tests.drivers.gsm import vectors
from tests.drivers.gsm.test_pdu import MOBILE

gammu: Any = pytest.importorskip("gammu", reason="python-gammu is not installed")

NUMBER = f"+{MOBILE.value}"
CODINGS = {Coding.GSM7: "Default_No_Compression", Coding.UCS2: "Unicode_No_Compression", Coding.EIGHT_BIT: "8bit"}
PLAIN = "abcXYZ 0189.,:;!?#%&'()*+-/<=>@£$¥èéùìòÇØøÅåΔΦΓΛΩΠΨΣΘΞÆæßÉ¤¡ÄÖÑÜ§¿äöñüà_\n"
EXTENDED = PLAIN + "€[]{}|~^\\"
STRANGE = "Пожар あ叶葉 čšž ĄĘ† 🔥🚒"


def long(characters: str, most: int) -> st.SearchStrategy[str]:
    """Return texts of up to `most` characters; the lengths at which parts end are as likely as any."""
    pieces = st.text(characters, min_size=1, max_size=40)
    return st.builds(lambda piece, length: (piece * most)[:length], pieces, st.integers(1, most))


texts = st.one_of(long(PLAIN, 500), long(EXTENDED, 500))
wide_texts = long(STRANGE, 250)
numbers = st.builds(
    lambda head, digits: Address.parse(head + digits),
    st.sampled_from(["+1", "+49", "+886", "0", "00", "11"]),
    st.text("0123456789", min_size=4, max_size=12),
)
times = st.datetimes(datetime(2000, 1, 1), datetime(2037, 12, 31)).flatmap(  # noqa: DTZ001
    lambda time: st.integers(-44, 48).map(
        lambda quarters: time.replace(microsecond=0, tzinfo=timezone(timedelta(minutes=15 * quarters)))
    )
)


def as_gammu_reads(message: Submit | Deliver | StatusReport | str) -> dict[str, Any]:
    digits = message if isinstance(message, str) else "00" + message.to_bytes().hex()
    read: dict[str, Any] = gammu.DecodePDU(bytes.fromhex(digits), True)  # noqa: FBT003 - its own signature
    read["Text"] = read["Text"].partition("\0")[0]  # it counts septets: behind extended characters there is noise
    return read


def place(read: dict[str, Any]) -> tuple[int, int, int] | None:
    header = read["UDH"]
    if not header["Type"].startswith("Concatenated"):
        return None
    wide = header["Type"].endswith("16bit")
    return header["ID16bit" if wide else "ID8bit"], header["AllParts"], header["PartNumber"]


@settings(max_examples=80, deadline=None)
@given(numbers, st.one_of(texts, wide_texts), st.integers(0, 65_535), st.booleans())
def test_every_part_that_we_write_reads_the_same(to: Address, text: str, reference: int, wide: bool) -> None:  # noqa: FBT001
    reference = reference if wide else reference & 0xFF
    whole = ""
    parts = split(text, 10, reference, wide=wide).parts
    for number, part in enumerate(parts, 1):
        read = as_gammu_reads(Submit(to, part, report=True))
        assert (read["Type"], read["Number"], read["Coding"]) == ("Submit", str(to), CODINGS[part.coding])
        assert place(read) == ((reference, len(parts), number) if len(parts) > 1 else None)
        whole += read["Text"]
    assert whole == text


@settings(max_examples=60, deadline=None)
@given(st.one_of(texts, wide_texts), st.booleans())
def test_every_part_that_it_writes_is_read_by_us(text: str, wide: bool) -> None:  # noqa: FBT001
    in_default_alphabet = split(text, 99, 0).parts[0].coding is Coding.GSM7
    entry = {"ID": "ConcatenatedTextLong16bit" if wide else "ConcatenatedTextLong", "Buffer": text}
    encoded = gammu.EncodeSMS({"Class": -1, "Unicode": not in_default_alphabet, "Entries": [entry]})
    whole = ""
    for number, one in enumerate(encoded, 1):
        one["SMSC"], one["Number"] = {"Number": "+491710760000"}, NUMBER
        message = pdu.read(gammu.EncodePDU(one, "Submit").hex())
        assert isinstance(message, Submit)
        assert message.destination == MOBILE
        found = message.user_data.concat
        assert (found and (found.total, found.part)) == ((len(encoded), number) if len(encoded) > 1 else None)
        whole += message.user_data.text
    assert whole == text


@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=1, max_size=134), st.sampled_from([b"", b"\x00\x03\x2a\x02\x01"]))
def test_octets_that_are_no_text_read_the_same(data: bytes, header: bytes) -> None:
    message = Submit(MOBILE, UserData(Coding.EIGHT_BIT, data, header))
    read = gammu.DecodePDU(b"\0" + message.to_bytes(), True)  # noqa: FBT003 - its own signature
    assert (read["Coding"], read["Text"]) == ("8bit", data)
    assert place(read) == ((0x2A, 2, 1) if header else None)


@settings(max_examples=60, deadline=None)
@given(numbers, st.text(PLAIN, min_size=1, max_size=150), times)
def test_what_arrives_reads_the_same(sender: Address, text: str, time: datetime) -> None:
    (part,) = split(text, 1, 0).parts
    read = as_gammu_reads(Deliver(sender, part, time))
    assert (read["Type"], read["Number"], read["Text"], read["DateTime"]) == ("Deliver", str(sender), text, time)


def test_name_of_a_sender_reads_the_same() -> None:
    read = as_gammu_reads(Deliver(Address("Megafon", ALPHANUMERIC), UserData(Coding.GSM7, b"A"), None))
    assert (read["Number"], read["Text"]) == ("Megafon", "A")


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 255), numbers, st.sampled_from([0x00, 0x01, 0x02, 0x20, 0x40, 0x46, 0x65]), times)
def test_report_reads_the_same(reference: int, to: Address, status: int, time: datetime) -> None:
    read = as_gammu_reads(StatusReport(reference, to, status, time, time))
    assert (read["Type"], read["MessageReference"], read["Number"]) == ("Status_Report", reference, str(to))
    assert (read["DeliveryStatus"], read["DateTime"], read["SMSCDateTime"]) == (status, time, time)


@pytest.mark.parametrize(
    ("period", "shown"),
    [
        (timedelta(minutes=5), "5M"),
        (timedelta(minutes=60), "60M"),
        (timedelta(hours=12), "12H"),
        (timedelta(hours=24), "24H"),
        (timedelta(days=4), "4D"),
        (timedelta(weeks=5), "5W"),
    ],
)
def test_validity_reads_the_same(period: timedelta, shown: str) -> None:
    read = as_gammu_reads(Submit(MOBILE, UserData(Coding.GSM7, b"A"), period))
    assert _minutes(read["SMSC"]["Validity"]) == _minutes(shown)


def _minutes(shown: str) -> int:
    units = {"M": 1, "H": 60, "D": 1440, "W": 10080}
    return int(shown[:-1]) * units[shown[-1]]


@pytest.mark.parametrize("name", ["D1", "D2", "D3", "D4", "D5", "D6", "S1", "S2", "S3", "S4", "G1", "G2", "G3", "G5"])
def test_published_message_reads_the_same(name: str) -> None:
    digits = getattr(vectors, name)
    ours, read = pdu.read(digits), as_gammu_reads(digits)
    assert not isinstance(ours, StatusReport)
    address = ours.sender if isinstance(ours, Deliver) else ours.destination
    assert (read["Number"].lstrip("+"), read["Text"]) == (address.value, ours.user_data.text)
    found = ours.user_data.concat
    assert place(read) == (found and (found.reference, found.total, found.part))
