"""What a modem for short messages says by itself (TS 27.005, clauses 3.4.1 and 3.5.1)."""

from __future__ import annotations

import re

from gatewayd.hayes.channel import Vocabulary

SENT = "+CMGS:"
ANNOUNCED = ("+CMTI:", "+CDSI:")
PASSED_ON = "+CMT:"
REPORT = "+CDS:"
FULL = "^SMMEMFULL"

_SINGLE = (*ANNOUNCED, FULL, "+CIEV:")
PDU_WORDS = Vocabulary(_SINGLE, (PASSED_ON, REPORT), (SENT,), re.compile("(?:[0-9A-Fa-f]{2})+"))
_TEXT = ((*_SINGLE, REPORT), (PASSED_ON,), (SENT,))
"""In text mode a report has one line."""
TEXT_WORDS = Vocabulary(*_TEXT, re.compile(r"(?!\+CM(?:GL|GR|T|S ERROR):).*"))
UCS2_WORDS = Vocabulary(*_TEXT, re.compile(r"(?!\+CM(?:GL|GR|T|S ERROR):|(?:OK|ERROR)$).*"))
"""What follows a header may be anything, or missing where the text is empty; in UCS-2 an OK is never text."""
