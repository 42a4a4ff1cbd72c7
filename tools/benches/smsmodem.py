"""The modem of the benchmark `sms`, a process of its own: one line of output for each text, with the moment it came.

Run with the link to make, the seconds that a message takes, and the baud rate of its port (0: none). Time is the
machine's monotonic clock.
"""

from __future__ import annotations

import asyncio
import sys
import time

from drivers.gsm.simulated import ModemSettings, SentMessage
from drivers.gsm.simulator import GsmSimulator
from gatewayd.clock import SystemClock


def _tell(message: SentMessage) -> None:
    sys.stdout.write(f"{time.monotonic():.6f} {message.text}\n")
    sys.stdout.flush()


def main() -> None:
    """Be a modem until killed."""
    link, seconds, baudrate = sys.argv[1:]
    settings = ModemSettings(
        port=link,
        reports=False,
        send_time=float(seconds),
        throttle=baudrate != "0",
        baudrate=int(baudrate) or ModemSettings.model_fields["baudrate"].default,
    )
    asyncio.run(GsmSimulator(SystemClock(), settings, _tell).run())


if __name__ == "__main__":
    main()
