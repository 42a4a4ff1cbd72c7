"""Runs aiosip, an old client, as an independent peer: registers, sends a text, writes the statuses that it got.

Arguments: port of the gateway, user, password, text. The package wants names that Python has dropped since.
"""

from __future__ import annotations

import asyncio
import collections
import collections.abc
import sys
import types

asyncio.coroutine = types.coroutine  # type: ignore[attr-defined]
collections.MutableMapping = collections.abc.MutableMapping  # type: ignore[attr-defined]

import aiosip  # noqa: E402 - needs the two names above


async def main(port: int, user: str, password: str, text: str) -> None:
    """Register, send the text, write what came. Each is a dialog, which lives only as long as somebody holds it."""
    app = aiosip.Application(loop=asyncio.get_running_loop())

    async def dialog(to: str) -> aiosip.Dialog:
        return await app.start_dialog(
            from_uri=f"sip:{user}@127.0.0.1:{port}",
            to_uri=f"sip:{to}@127.0.0.1:{port}",
            contact_uri=f"sip:{user}@127.0.0.1:{port + 1}",
            local_addr=("127.0.0.1", port + 1),
            remote_addr=("127.0.0.1", port),
            password=password,
        )

    own, written = await dialog(user), await dialog("alarm")
    registered = await asyncio.wait_for(own.register(expires=300), 10)
    taken = await asyncio.wait_for(written.send_message("MESSAGE", content_type="text/plain", payload=text), 10)
    sys.stdout.write(f"{registered.status_code} {taken.status_code}")


asyncio.run(main(int(sys.argv[1]), *sys.argv[2:5]))
