"""Runs aiosip, an old client, as an independent peer: registers and writes the status that it got.

Arguments: port of the gateway, user, password. The package wants names that Python has dropped since.
"""

from __future__ import annotations

import asyncio
import collections
import collections.abc
import sys
import types
from typing import Any

asyncio.coroutine = types.coroutine  # type: ignore[attr-defined]
collections.MutableMapping = collections.abc.MutableMapping  # type: ignore[attr-defined]

import aiosip  # noqa: E402 - needs the two names above


async def main(port: int, user: str, password: str) -> None:
    """Register and write what came."""
    app = aiosip.Application(loop=asyncio.get_running_loop())
    own, local, gateway = f"sip:{user}@127.0.0.1:{port + 1}", ("127.0.0.1", port + 1), ("127.0.0.1", port)
    dialog: Any = await app.start_dialog(
        from_uri=f"sip:{user}@127.0.0.1:{port}",
        to_uri=f"sip:{user}@127.0.0.1:{port}",
        contact_uri=own,
        local_addr=local,
        remote_addr=gateway,
        password=password,
    )
    answer = await asyncio.wait_for(dialog.register(expires=300), 10)
    sys.stdout.write(str(answer.status_code))


asyncio.run(main(int(sys.argv[1]), sys.argv[2], sys.argv[3]))
