"""The PDUs of TS 23.040: every published vector, and what cannot be read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from drivers.gsm import pdu, validity
from drivers.gsm.address import ALPHANUMERIC, INTERNATIONAL, UNKNOWN, Address, tail
from drivers.gsm.octets import Malformed
from drivers.gsm.pdu import Deliver, Fate, StatusReport, Submit, SubmitReport
from drivers.gsm.userdata import CLASS_0, Coding, Concat, UserData, split
from tests.drivers.gsm import vectors

MOBILE = Address("491701234567", INTERNATIONAL)


def delivered(digits: str) -> Deliver:
    message = pdu.read(digits)
    assert isinstance(message, Deliver)
    return message


def submitted(digits: str) -> Submit:
    message = pdu.read(digits)
    assert isinstance(message, Submit)
    return message


def zone(hours: float) -> timezone:
    return timezone(timedelta(hours=hours))


def with_service_centre(message: Submit | Deliver | StatusReport) -> str:
    return "00" + message.to_bytes().hex().upper()


@pytest.mark.parametrize(
    ("digits", "sender", "text", "time"),
    [
        (vectors.D1, "27838890001", "hellohello", datetime(1999, 3, 29, 15, 16, 59, tzinfo=zone(2))),
        (vectors.D2, "+27821234567", "Test2", datetime(2013, 3, 8, 15, 2, 16, tzinfo=zone(2))),
        (
            vectors.D3,
            "+85291234567",
            "It is easy to read text messages via AT commands.",
            datetime(2007, 4, 12, 23, 25, 42, tzinfo=zone(8)),
        ),
        (vectors.D4, "+27821234567", "@{tést}!", datetime(2013, 3, 26, 13, 35, 25, tzinfo=zone(2))),
    ],
    ids=["D1", "D2", "D3", "D4"],
)
def test_deliver_vector_reads_as_published(digits: str, sender: str, text: str, time: datetime) -> None:
    message = delivered(digits)
    assert (str(message.sender), message.user_data.text, message.time) == (sender, text, time)


def test_d1_keeps_its_service_centre_and_its_odd_type_of_address() -> None:
    message = delivered(vectors.D1)
    assert (message.service_centre, message.sender.type) == ("+27381000015", 0xC8)


def test_d5_is_a_part_with_a_header() -> None:
    message = delivered(vectors.D5)
    assert message.user_data.text == (
        "Hello!You have R 19.50 FREE airtime available. R 19.50 will expire on 01/07/2013. "
    )
    assert message.user_data.concat == Concat(0xC3, total=1, part=1)
    assert message.sender == Address("2781188", UNKNOWN)


def test_d6_comes_from_a_name() -> None:
    message = delivered(vectors.D6)
    assert (str(message.sender), message.sender.is_name) == ("Megafon", True)
    assert message.user_data.concat == Concat(0x56, total=2, part=1)
    assert message.user_data.text == "SMS code: 4856, confirmation of association between account and Meg"


@pytest.mark.parametrize(
    ("digits", "number", "text", "period"),
    [
        (vectors.S1, "+46708251358", "hellohello", timedelta(days=4)),
        (vectors.S2, "+31628870634", "www.diafaan.com", timedelta(days=3)),
        (vectors.S3, "+34616585119", "あ叶葉", None),
        (vectors.S4, "+27820001111", "Hello World!", None),
        (vectors.G1, "+491701234567", "FIRE ZONE 3 ROOM 214", timedelta(minutes=60)),
        (vectors.G2, "+491701234567", "Brand Küche 2.OG [Süd] 5€", None),
        (vectors.G3, "+491701234567", "Пожар 3", None),
    ],
    ids=["S1", "S2", "S3", "S4", "G1", "G2", "G3"],
)
def test_submit_vector_reads_as_published_and_is_written_the_same(
    digits: str, number: str, text: str, period: timedelta | None
) -> None:
    message = submitted(digits)
    assert (str(message.destination), message.user_data.text, message.validity) == (number, text, period)
    service_centre = 2 + 2 * int(digits[:2], 16)
    assert message.to_bytes().hex().upper() == digits[service_centre:]


def test_s2_has_its_reference_and_wants_a_report() -> None:
    message = submitted(vectors.S2)
    assert (message.reference, message.report) == (0x0D, True)


@pytest.mark.parametrize(
    ("text", "report", "period", "digits", "length"),
    [
        ("FIRE ZONE 3 ROOM 214", True, timedelta(minutes=60), vectors.G1, 32),
        ("Brand Küche 2.OG [Süd] 5€", True, None, vectors.G2, 38),
        ("Пожар 3", True, None, vectors.G3, 27),
    ],
    ids=["G1", "G2", "G3"],
)
def test_own_vector_is_composed(text: str, report: bool, period: timedelta | None, digits: str, length: int) -> None:  # noqa: FBT001
    (part,) = split(text, 1, 0).parts
    message = Submit(MOBILE, part, period, report=report)
    assert with_service_centre(message) == digits
    assert len(message.to_bytes()) == length


def test_g4_has_161_characters_in_two_parts() -> None:
    text = ("ABCDEFGHIJKLMNOPQRSTUVWXY" * 7)[:161]
    first, second = (Submit(MOBILE, part) for part in split(text, 2, 0x2A).parts)
    assert (len(first.to_bytes()), len(second.to_bytes())) == (153, 27)
    assert with_service_centre(first).startswith(vectors.G4_PART_1)
    assert with_service_centre(second) == vectors.G4_PART_2
    assert [len(part.user_data.text) for part in (first, second)] == [153, 8]
    assert (
        submitted(with_service_centre(first)).user_data.text + submitted(with_service_centre(second)).user_data.text
        == text
    )


def test_g4_reads_as_the_second_part_of_two() -> None:
    data = submitted(vectors.G4_PART_2).user_data
    assert (len(data.text), data.concat) == (8, Concat(0x2A, 2, 2))


def test_g5_has_a_reference_of_16_bits() -> None:
    message = submitted(vectors.G5)
    assert (message.user_data.text, message.user_data.concat) == ("AB", Concat(0x0180, 2, 1, wide=True))
    assert with_service_centre(message) == vectors.G5
    assert len(message.to_bytes()) == 22


def test_r1_reports_a_delivery() -> None:
    report = pdu.read(vectors.R1)
    assert isinstance(report, StatusReport)
    assert (report.reference, str(report.recipient), report.status) == (0xD6, "+31628870634", 0)
    assert report.sent == datetime(2011, 1, 11, 17, 59, 15, tzinfo=zone(1))
    assert report.discharged == datetime(2011, 1, 11, 17, 59, 17, tzinfo=zone(1))
    assert report.fate is Fate.DELIVERED
    assert "00" + report.to_bytes().hex().upper() == vectors.R1


def test_report_whose_number_has_an_address_of_its_own_inside_is_known_by_its_last_digits() -> None:
    report = pdu.read("00061C10910C91947110325476111011719551401110117195514000")
    assert isinstance(report, StatusReport)
    assert (report.reference, tail(str(report.recipient)), report.fate) == (0x1C, tail(str(MOBILE)), Fate.DELIVERED)


@pytest.mark.parametrize(
    ("status", "fate"),
    [
        (0x00, Fate.DELIVERED),
        (0x02, Fate.DELIVERED),
        (0x20, Fate.PENDING),
        (0x25, Fate.PENDING),
        (0x40, Fate.FAILED),
        (0x46, Fate.FAILED),
        (0x60, Fate.FAILED),
        (0x65, Fate.FAILED),
        (0x80, Fate.PENDING),
    ],
)
def test_status_of_a_report_has_its_meaning(status: int, fate: Fate) -> None:
    assert StatusReport(1, MOBILE, status).fate is fate


def test_submit_report_tells_why_a_message_was_refused() -> None:
    refused = SubmitReport.from_bytes(bytes.fromhex("01C00011101171955140"), refused=True)
    assert (refused.cause, refused.time) == (0xC0, datetime(2011, 1, 11, 17, 59, 15, tzinfo=zone(1)))


def test_submit_report_of_a_taken_message_may_carry_text() -> None:
    taken = SubmitReport.from_bytes(bytes.fromhex("010711101171955140000002C834"), refused=False)
    assert taken.cause is None
    assert taken.user_data is not None
    assert taken.user_data.text == "Hi"


def test_pdu_without_a_service_centre_is_told_by_its_length() -> None:
    tpdu = vectors.D2[14:]
    message = pdu.read(tpdu, len(tpdu) // 2)
    assert isinstance(message, Deliver)
    assert message.user_data.text == "Test2"


def test_flash_message_is_read_as_text() -> None:
    (part,) = split("FIRE", 1, 0, dcs_class=CLASS_0).parts
    message = submitted(with_service_centre(Submit(MOBILE, part)))
    assert (message.user_data.scheme, message.user_data.coding, message.user_data.text) == (0x10, Coding.GSM7, "FIRE")


@pytest.mark.parametrize(
    ("dcs", "coding"),
    [
        (0x00, Coding.GSM7),
        (0x04, Coding.EIGHT_BIT),
        (0x08, Coding.UCS2),
        (0x0C, Coding.GSM7),
        (0x18, Coding.UCS2),
        (0x20, Coding.EIGHT_BIT),
        (0x48, Coding.UCS2),
        (0xC8, Coding.GSM7),
        (0xE0, Coding.UCS2),
        (0xF1, Coding.GSM7),
        (0xF5, Coding.EIGHT_BIT),
    ],
)
def test_data_coding_scheme_has_its_meaning(dcs: int, coding: Coding) -> None:
    assert Coding.of(dcs) is coding


@pytest.mark.parametrize(
    ("octet", "period"),
    [
        (0, timedelta(minutes=5)),
        (11, timedelta(minutes=60)),
        (143, timedelta(hours=12)),
        (144, timedelta(hours=12, minutes=30)),
        (167, timedelta(hours=24)),
        (168, timedelta(days=2)),
        (196, timedelta(days=30)),
        (197, timedelta(weeks=5)),
        (255, timedelta(weeks=63)),
    ],
)
def test_relative_validity_has_its_steps(octet: int, period: timedelta) -> None:
    assert validity.write(period) == bytes((octet,))
    assert validity.relative_octet(period + timedelta(seconds=1)) == octet


def test_validity_is_never_longer_than_asked_except_for_the_shortest() -> None:
    assert validity.relative_octet(timedelta(minutes=59, seconds=59)) == 10
    assert validity.relative_octet(timedelta()) == 0


@pytest.mark.parametrize(
    "period", [datetime(2026, 2, 3, 4, 5, 6, tzinfo=zone(-3.5)), b"\x01\x0b\0\0\0\0\0", None], ids=str
)
def test_other_validity_formats_come_back(period: validity.Validity) -> None:
    message = Submit(MOBILE, UserData(Coding.GSM7, b"\x41"), period)
    assert submitted(with_service_centre(message)).validity == period


@pytest.mark.parametrize(
    "digits",
    [
        "",
        "0",
        "00",
        "XY",
        "0791",
        "00" * 300,
        vectors.D2[:30],
        "0004FF91",
        "00400B917228214365F7000031308051206180050A41",
    ],
)
def test_damaged_pdu_is_malformed(digits: str) -> None:
    with pytest.raises(Malformed):
        pdu.read(digits)


def test_time_stamp_that_is_nonsense_costs_no_text() -> None:
    message = delivered("00040B917228214365F70000FFFFFFFFFFFFFF05D4F29C2E03")
    assert (message.time, message.user_data.text) == (None, "Test2")


def test_shortened_message_is_read_as_far_as_it_goes() -> None:
    assert delivered("00040B917228214365F7000031308051206180A0D4F29C").user_data.text == "Tes"


addresses = st.one_of(
    st.builds(Address, st.text("0123456789*#", min_size=1, max_size=20), st.sampled_from([INTERNATIONAL, UNKNOWN])),
    st.builds(Address, st.text("ABCdef ÄÖ@", min_size=1, max_size=11), st.just(ALPHANUMERIC)),
)
datas = st.one_of(
    st.builds(UserData, st.just(Coding.GSM7), st.binary(max_size=160).map(lambda raw: bytes(c & 0x7F for c in raw))),
    st.builds(UserData, st.just(Coding.EIGHT_BIT), st.binary(max_size=140)),
    st.builds(
        UserData,
        st.just(Coding.GSM7),
        st.binary(max_size=150).map(lambda raw: bytes(c & 0x7F for c in raw)),
        st.sampled_from([b"\x00\x03\x01\x02\x01", b"\x08\x04\x01\x01\x02\x01"]),
    ),
    st.text(max_size=60).map(lambda text: UserData(Coding.UCS2, text.encode("utf-16-be", "replace"))),
)
times = st.datetimes(datetime(1990, 1, 1), datetime(2089, 12, 31)).flatmap(  # noqa: DTZ001
    lambda time: st.integers(-48, 56).map(
        lambda quarters: time.replace(microsecond=0, tzinfo=timezone(timedelta(minutes=15 * quarters)))
    )
)


def plain(data: UserData) -> tuple[Coding, bytes, bytes]:
    return data.coding, data.data, data.header


@settings(max_examples=150)
@given(addresses, datas, st.one_of(st.none(), st.binary(min_size=7, max_size=7), times), st.booleans())
def test_submit_comes_back(to: Address, data: UserData, period: validity.Validity, report: bool) -> None:  # noqa: FBT001
    message = Submit(to, data, period, report=report, reference=7)
    read = submitted(with_service_centre(message))
    assert (read.destination, plain(read.user_data), read.validity) == (to, plain(data), period)
    assert read.to_bytes() == message.to_bytes()


@settings(max_examples=150)
@given(addresses, datas, times)
def test_deliver_comes_back(sender: Address, data: UserData, time: datetime) -> None:
    read = delivered(with_service_centre(Deliver(sender, data, time)))
    assert (read.sender, plain(read.user_data), read.time) == (sender, plain(data), time)


@settings(max_examples=100)
@given(st.integers(0, 255), addresses, st.integers(0, 255), times)
def test_status_report_comes_back(reference: int, to: Address, status: int, time: datetime) -> None:
    report = StatusReport(reference, to, status, time, time)
    assert pdu.read(with_service_centre(report)) == report


@settings(max_examples=300)
@given(st.binary(max_size=200), st.one_of(st.none(), st.integers(0, 200)))
@example(b"\0\0", None)
def test_any_octets_are_read_or_malformed(data: bytes, length: int | None) -> None:
    try:
        message = pdu.read(data.hex(), length)
    except Malformed:
        return
    if not isinstance(message, StatusReport):
        assert len(message.user_data.text) <= 400


@settings(max_examples=100)
@given(st.binary(max_size=40), st.booleans())
def test_any_octets_are_a_submit_report_or_malformed(data: bytes, refused: bool) -> None:  # noqa: FBT001
    try:
        SubmitReport.from_bytes(data, refused=refused)
    except Malformed:
        return


def test_time_in_utc_is_written_with_a_zone_of_zero() -> None:
    message = Deliver(MOBILE, UserData(Coding.GSM7, b""), datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    assert message.to_bytes()[-8:].hex() == "6210203040500000"
