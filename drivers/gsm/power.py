"""The command that cuts a modem's power for a moment: a script of the site, for a relay or a USB hub."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from gatewayd.transport.timing import within

if TYPE_CHECKING:
    from gatewayd.driver import Line

LIMIT = 30.0  # seconds for the command


async def cycle_power(command: tuple[str, ...], line: Line) -> None:
    """Run the command and wait for it; one that fails or hangs is logged, the line goes on as before."""
    line.log.warning("the modem's power is cycled by %s", command[0])
    line.count("power_cycles")
    try:
        process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.DEVNULL)
    except OSError as error:
        line.log.error("%s cannot be run: %s", command[0], error)  # noqa: TRY400 - the reason is in the text
        return
    try:
        async with within(line.clock, LIMIT):
            code = await process.wait()
        if code:
            line.log.error("%s failed with exit code %d", command[0], code)
    except TimeoutError:
        line.log.error("%s did not end within %g s", command[0], LIMIT)  # noqa: TRY400 - as above
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
