import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.espa444.calls import call_of
from drivers.espa444.charset import Charset
from drivers.espa444.mapping import reports_of
from drivers.espa444.protocol import Block, Record
from gatewayd.model import AlarmActivated, AlarmReset, Priority, TextReceived
from tests.drivers.espa444.conftest import espa, page
from tests.drivers.espa444.vectors import FRAMES


def reported(block: Block, **options: object) -> object:
    (report,) = reports_of(block, "1", espa(**options))
    return report


def activated(block: Block, **options: object) -> AlarmActivated:
    report = reported(block, **options)
    assert isinstance(report, AlarmActivated)
    return report


def test_call_of_a_vector_is_an_alarm_with_all_its_records() -> None:
    assert reported(FRAMES["E7"][1]) == AlarmActivated(
        key="2001|FIRE ZONE 3 ROOM 214",
        text="FIRE ZONE 3 ROOM 214",
        address="2001",
        priority=Priority.EMERGENCY,
        fields={"beep": "5", "call_type": "3", "transmissions": "2", "priority": "1"},
    )


def test_reset_of_a_vector_ends_that_alarm() -> None:
    assert reported(FRAMES["E8"][1]) == AlarmReset("2001|FIRE ZONE 3 ROOM 214", "2001", "FIRE ZONE 3 ROOM 214")


@pytest.mark.parametrize(("length", "kept"), [(195, True), (196, False)])
def test_key_is_kept_as_it_is_up_to_200_characters(length: int, kept: bool) -> None:  # noqa: FBT001
    key = activated(Block.of("1", {"1": "2001", "2": "x" * length})).key
    assert (key == "2001|" + "x" * length) is kept
    assert len(key) == 200


def test_call_without_text_still_says_something() -> None:
    assert activated(FRAMES["E0"][1]).text == "Call A"
    assert activated(FRAMES["E0"][1]).priority is None


def test_missing_records_have_the_lines_defaults() -> None:
    alarm = activated(FRAMES["E0"][1], defaults={"2": "NURSE CALL", "6": "2", "1": "unused"})
    assert (alarm.address, alarm.text, alarm.priority) == ("A", "NURSE CALL", Priority.HIGH)


def test_the_first_of_several_records_counts() -> None:
    block = Block("1", (Record("1", "7"), Record("2", "FIRE"), Record("2", "more")))
    assert activated(block).text == "FIRE"


def test_alarms_without_an_address_are_never_one_and_the_same() -> None:
    first, second = (activated(Block.of("1", {"2": text}), key="address") for text in ("FIRE", "HELP"))
    assert first.key != second.key


def test_value_tables_belong_to_the_line() -> None:
    block = Block.of("1", {"1": "7", "2": "x", "4": "1", "6": "9"})
    alarm = activated(block, call_types={"5": "reset"}, priorities={"9": "low"})
    assert alarm.priority is Priority.LOW
    assert isinstance(reported(Block.of("1", {"1": "7", "4": "5"}), call_types={"5": "reset"}), AlarmReset)


@pytest.mark.parametrize(("code", "priority"), [("1", Priority.EMERGENCY), ("31", Priority.NORMAL), ("0", None)])
def test_priority_keeps_its_meaning_when_it_is_subdivided(code: str, priority: Priority | None) -> None:
    assert activated(Block.of("1", {"1": "7", "6": code})).priority is priority


def test_transmitter_failure_is_a_fault() -> None:
    fault = activated(FRAMES["E11"][1])
    assert fault.fault
    assert "transmitter failure" in fault.text


@pytest.mark.parametrize(("value", "well"), [("0", True), ("1", False), ("9", False), ("5", True), ("51", True)])
def test_system_status_means_what_the_line_says_and_else_a_fault(value: str, well: bool) -> None:  # noqa: FBT001
    report = reported(Block.of("2", {"8": value}), system_status={"0": "well", "1": "fault", "5": "well"})
    assert isinstance(report, AlarmReset if well else AlarmActivated)


def test_fault_indication_of_a_call_is_a_fault() -> None:
    assert activated(Block.of("2", {"1": "7", "7": "8"})).fault


@pytest.mark.parametrize("name", ["E2", "E9", "E10"])
def test_what_has_no_meaning_here_goes_to_a_person_with_every_record(name: str) -> None:
    block = FRAMES[name][1]
    report = reported(block)
    assert isinstance(report, TextReceived)
    assert all(record.data in report.text for record in block.records)


def test_block_that_names_nobody_is_from_its_station() -> None:
    report = reported(Block.of("5", {"9": "hello"}))
    assert isinstance(report, TextReceived)
    assert report.sender == "1"


def test_status_request_is_only_answered() -> None:
    assert reports_of(FRAMES["E3"][1], "1", espa()) == []


def test_text_of_a_call_has_no_control_codes_left() -> None:
    alarm = activated(Block.of("1", {"1": "7\x00", "2": " FIRE\r\n3\x1b\x9b "}))
    assert (alarm.address, alarm.text) == ("7", "FIRE  3")


@given(st.text(max_size=60), st.text(max_size=20), st.sampled_from(["ascii", "din66003", "latin-1", "utf-8"]))
@settings(max_examples=150)
def test_any_page_fits_into_a_frame(text: str, tone: str, encoding: str) -> None:
    line = espa(role="panel", bytesize=8, encoding=encoding, longest_text=40)
    block = call_of(page(text, tone=tone), line).block
    frame = block.to_bytes(line.charset)
    assert Block.from_bytes(frame[1:-2], line.charset) == block


@given(st.text(max_size=40), st.sampled_from(list(Charset)), st.integers(1, 40))
@settings(max_examples=150)
def test_fitted_text_stays_as_it_is(text: str, charset: Charset, limit: int) -> None:
    fitted = charset.fit(text, limit)
    assert len(charset.encode(fitted)) <= limit
    assert charset.decode(charset.encode(fitted)) == fitted


@pytest.mark.parametrize(
    ("text", "expected"),
    [("Größe", "Groesse"), ("café", "cafe"), ("5 €", "5 EUR"), ("→ Zi. ½", "? Zi. 1?2"), ("21 °C", "21 degC")],
)
def test_letters_that_ascii_lacks_are_written_as_people_would(text: str, expected: str) -> None:
    assert Charset.ASCII.fit(text, 100) == expected
