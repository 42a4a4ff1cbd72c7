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
TEXT_WORDS = Vocabulary((*_SINGLE, REPORT), (PASSED_ON,), (SENT,))
"""In text mode what follows a header may be anything, and a report has one line."""
