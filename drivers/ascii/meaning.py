"""What records mean to the gateway: which reports they become, and what the line has to remember. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Literal

from drivers.ascii.events import RecordReceived, Watch
from drivers.ascii.openalarms import MOST_OPEN, MOST_WITH_UNKNOWN, Changes, OpenAlarms
from drivers.ascii.patience import Patience
from drivers.ascii.repeats import AGAIN, Repeats
from drivers.ascii.rules import Finding, Kind, Rule, RuleBook
from gatewayd.model import AlarmActivated, AlarmReset, TextReceived

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from gatewayd.model import Report

Unmatched = Literal["alarm", "text", "count"]
WINDOW = 300.0  # seconds

UNREADABLE = "unreadable"
TELLING = (Kind.SET, Kind.TEXT)  # what has people told something
FAULT = "fault "  # prefix of what the line's memory knows of faults of its own
_MISSED = {
    Watch.SILENCE: "nothing was received for {} s",
    Watch.HEARTBEAT: "neither a heartbeat nor a readable line for {} s",
}


@dataclass(frozen=True, slots=True)
class Step:
    """A report to make, and what to remember with it: before an activation, after a reset.

    So whatever a kill leaves behind is an alarm too many in the memory, whose reset harms nobody, never one too few.
    `again` makes the step to take as well where the report was taken for a repetition, and is none.
    """

    report: Report
    changes: Changes = field(default_factory=dict)
    again: Callable[[], Step] | None = None


class Interpreter:
    """Turns records into steps, and keeps which alarms are open; `counts` is what happened since it was cleared."""

    def __init__(
        self,
        rules: RuleBook,
        unmatched: Unmatched,
        memory: Mapping[str, Any],
        patience: Patience | None = None,
        window: float = WINDOW,
    ) -> None:
        self.open = OpenAlarms(memory)
        self._repeats = Repeats()
        self._window = window
        self.counts: Counter[str] = Counter()
        self._rules = rules
        self._unmatched = unmatched
        self._patience = patience or Patience()
        self._faults = {key.removeprefix(FAULT) for key in memory if key.startswith(FAULT)}

    def take(self, record: RecordReceived) -> tuple[list[Finding], list[Step]]:
        """Return what the rules found in a record, and what has to be done."""
        self.counts["records"] += 1
        if not record.complete:
            self.counts["incomplete_records"] += 1
        with self._patience as patience:
            findings = self._rules.findings(record.text, patience)
        unsure = patience.exhausted
        if unsure or not record.readable:
            # An alarm that can be made out is one; an end of alarms is not to be believed: rules before it were given
            # up, or there is noise in it.
            findings = [finding for finding in findings if finding.rule.kind in TELLING]
        steps = self._fault_over(UNREADABLE, "readable text again") if record.readable else []
        if not findings:
            return [], steps + (self._unknown(record, unsure=unsure) if record.readable else self._unreadable(record))
        for finding in findings:
            steps += self._meaning(finding, record)
        return findings, steps

    def missed(self, watch: Watch, seconds: float) -> list[Step]:
        """Return the fault of a line that gives no sign of life."""
        self.counts["silences"] += 1
        text = _MISSED[watch].format(f"{seconds:g}")
        return self._fault(watch.value, f"no sign of life: {text}")

    def heard(self, watch: Watch) -> list[Step]:
        """Return the end of that fault, also of one that was raised before a restart."""
        return self._fault_over(watch.value, "heard again")

    def stale_faults(self, watched: set[Watch]) -> list[Step]:
        """Return the ends of faults that nothing watches over any more: the configuration has changed."""
        unwatched = [watch.value for watch in Watch if watch not in watched]
        return [step for key in unwatched for step in self._fault_over(key, "no longer supervised")]

    @property
    def silent(self) -> bool:
        """Whether the line is known to be dead: then missing repetitions prove nothing."""
        return any(watch.value in self._faults for watch in Watch)

    def expire(self, now: float) -> list[Step]:
        """Return the ends of alarms that were not repeated in time."""
        if self.silent:
            self.open.restart(now)
        expired = self.open.expired(now)
        self.counts["expired"] += len(expired)
        return [self._end(key, self.open.address_of(key), "no longer repeated") for key in expired]

    # --- records ------------------------------------------------------------------------------------------------------

    def _meaning(self, finding: Finding, record: RecordReceived) -> list[Step]:
        self.counts[f"kind_{finding.rule.kind.value}"] += 1
        match finding.rule.kind:
            case Kind.SET:
                return [self._set(finding, record)]
            case Kind.TEXT:
                return [Step(TextReceived(finding.address, finding.text, finding.recipient, "", finding.priority))]
            case Kind.RESET:
                return self._reset(finding, record)
            case Kind.RESET_ALL:
                keys = self.open.keys(finding.address)
                return [self._end(key, self.open.address_of(key), finding.text) for key in keys]
            case _:
                return []

    def _set(self, finding: Finding, record: RecordReceived) -> Step:
        rule, key = finding.rule, finding.key or record.text
        fields = {"rule": rule.name, **finding.groups}
        report = AlarmActivated(key, finding.text, finding.address, finding.priority, fields, fault=rule.fault)
        window = self._window_of(rule)
        if window is not None:
            return self._endless(report, record.time, window)
        return Step(report, self._opened(report, record.time, rule.ttl))

    def _window_of(self, rule: Rule) -> float | None:
        """Return for how long an alarm of a rule counts as repeated, where that has a limit: none ends it."""
        if rule.window is not None or rule.ttl is not None:
            return rule.window
        return None if self._rules.ends_alarms else self._window

    def _endless(self, report: AlarmActivated, now: float, window: float, most: int = MOST_OPEN) -> Step:
        """Return the step of an alarm that only a person ends: it begins anew when it comes again after the window."""
        key, fresh = self._repeats.seen(report.key, now, window)
        step = self._activation(replace(report, key=key), now, most)
        return replace(step, again=partial(self._anew, report, now, most)) if fresh else step

    def _anew(self, report: AlarmActivated, now: float, most: int) -> Step:
        return self._activation(replace(report, key=self._repeats.anew(report.key, now)), now, most)

    def _activation(self, report: AlarmActivated, now: float, most: int) -> Step:
        return Step(report, self._opened(report, now, None, most))

    def _reset(self, finding: Finding, record: RecordReceived) -> list[Step]:
        """End the alarm of the key, known or not; without a key, those of the address; without either, ask a person."""
        if finding.key:
            standing = self.open.keys()
            keys = [finding.key, *(key for key in standing if key.startswith(finding.key + AGAIN))]
            return [self._end(key, finding.address, finding.text) for key in keys]
        if not finding.address:
            return self._unknown(record)
        changes: Changes = {}
        for key in self.open.keys(finding.address):
            changes |= self.open.end(key)
        return [Step(AlarmReset(None, finding.address, finding.text), changes)]

    def _end(self, key: str, address: str, text: str) -> Step:
        return Step(AlarmReset(key, address, text), self.open.end(key))

    def _opened(self, report: AlarmActivated, now: float, ttl: float | None, most: int = MOST_OPEN) -> Changes:
        changes = self.open.activate(report.key, report.address, ttl, now, most)
        if report.key not in self.open:
            self.counts["too_many_open"] += 1
        return changes

    def _unknown(self, record: RecordReceived, *, unsure: bool = False) -> list[Step]:
        """Return what becomes of a record that no rule knows, or not in time: on a fire line none may be lost."""
        self.counts["unmatched"] += 1
        if self._unmatched == "count" and not unsure:
            return []
        if self._unmatched == "text":
            return [Step(TextReceived("", record.text))]
        report = AlarmActivated(f"unmatched {record.text}", record.text)
        return [self._endless(report, record.time, self._window, MOST_WITH_UNKNOWN)]

    def _unreadable(self, record: RecordReceived) -> list[Step]:
        """Return the fault of a line that delivers noise; every piece of noise counts as a repetition of it."""
        text = f"unreadable, perhaps a wrong baud rate, parity or code page: {record.text}"
        return self._fault(UNREADABLE, text)

    # --- faults of the line itself ------------------------------------------------------------------------------------

    def _fault(self, key: str, text: str) -> list[Step]:
        changes = {} if key in self._faults else {FAULT + key: True}
        self._faults.add(key)
        return [Step(AlarmActivated(FAULT + key, text, fault=True), changes)]

    def _fault_over(self, key: str, text: str) -> list[Step]:
        if key not in self._faults:
            return []
        self._faults.discard(key)
        return [Step(AlarmReset(FAULT + key, "", text), {FAULT + key: None})]
