"""Messages to start from."""

from __future__ import annotations

import itertools

_numbers = itertools.count(1)


def request(
    method: str = "MESSAGE",
    uri: str = "sip:alarm@gateway.local",
    body: bytes = b"OK",
    via: str = "SIP/2.0/UDP 10.0.0.9:5099;branch={branch};rport",
    **headers: str | None,
) -> bytes:
    """Return a request as bytes; keyword `call_id="x"` sets a header, None leaves it out."""
    number = next(_numbers)
    fields: dict[str, str | None] = {
        "via": via.format(branch=f"z9hG4bKsample{number}"),
        "max-forwards": "70",
        "from": "<sip:2001@gateway.local>;tag=a1",
        "to": "<sip:alarm@gateway.local>",
        "call-id": f"sample-{number}",
        "cseq": f"1 {method}",
        "content-type": "text/plain" if method == "MESSAGE" else None,
        "content-length": str(len(body)),
    }
    fields.update({name.rstrip("_").replace("_", "-"): value for name, value in headers.items()})
    lines = [f"{method} {uri} SIP/2.0", *(f"{name}: {value}" for name, value in fields.items() if value is not None)]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body
