"""Tries rules on a sample: what the gateway would make of these lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.ascii.events import HeartbeatReceived, RecordIgnored, RecordReceived
from drivers.ascii.protocol import Receiver
from gatewayd.charset import CodePage
from gatewayd.rules import UNMATCHED, UNREADABLE, RuleResult

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drivers.ascii.meaning import Interpreter
    from drivers.ascii.patience import Patience
    from drivers.ascii.settings import AsciiSettings

HEARTBEAT, IGNORED = "heartbeat", "ignored"
PAUSE = 1e-3  # seconds between two pieces of a sample: they arrive one after the other
PIECE = 64  # bytes that arrive at once


def tried(settings: AsciiSettings, sample: str | bytes) -> Iterator[RuleResult]:
    """Return what the line makes of a sample, record by record (`gatewayd.rules.Ruled.tried`)."""
    config = settings.config
    receiver = Receiver(config, 0.0)
    interpreter = settings.interpreter({}, config.patience)
    now = 0.0
    for piece, pause in _pieces(settings, sample):
        now += PAUSE
        receiver.receive_data(piece, now)
        if pause:
            receiver.flush(now)
        yield from _results(receiver, interpreter, config.patience)
    receiver.flush(now)
    yield from _results(receiver, interpreter, config.patience)


def _pieces(settings: AsciiSettings, sample: str | bytes) -> Iterator[tuple[bytes, bool]]:
    """Return the bytes of a sample, and after which of them the wire is silent."""
    if isinstance(sample, bytes):
        yield from ((sample[begin : begin + PIECE], False) for begin in range(0, len(sample), PIECE))
        return
    code_page = CodePage(settings.encoding)
    terminator = settings.terminators[0].encode("latin-1")
    for line in sample.splitlines(keepends=True):
        text, ended = line.rstrip("\r\n"), line[-1:] in {"\r", "\n"}
        if settings.framing in {"fixed", "gap"}:
            yield code_page.encode(text), True
        elif settings.framing == "lines":
            yield code_page.encode(text) + (terminator if ended else b""), False
        else:
            yield code_page.encode(line), False


def _results(receiver: Receiver, interpreter: Interpreter, patience: Patience) -> Iterator[RuleResult]:
    while (event := receiver.next_event()) is not None:
        if isinstance(event, RecordReceived):
            yield _result(event, interpreter, patience)
        elif isinstance(event, RecordIgnored):
            yield RuleResult(event.text, (IGNORED,))
        elif isinstance(event, HeartbeatReceived):
            yield RuleResult("", (HEARTBEAT,))


def _result(record: RecordReceived, interpreter: Interpreter, patience: Patience) -> RuleResult:
    patience.given_up.clear()
    findings, steps = interpreter.take(record)
    verdicts = tuple(finding.rule.kind.value for finding in findings)
    groups = {name: value for finding in findings for name, value in finding.groups.items()}
    return RuleResult(
        record.text,
        verdicts or ((UNMATCHED,) if record.readable else (UNREADABLE,)),
        tuple(finding.rule.name for finding in findings),
        groups,
        tuple(step.report for step in steps),
        record.complete,
        tuple(patience.given_up),
    )
