"""`gatewayd capture`: what went over a line lately, and what goes over it now."""

from __future__ import annotations

import os
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from gatewayd.cli.control import listen
from gatewayd.cli.output import Exit, emit, say
from gatewayd.errors import GatewayError
from gatewayd.transport.capture import Piece
from gatewayd.transport.capturefile import header, line, unreadable

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from typing import TextIO

ARROWS = {"in": "<", "out": ">", "open": "=", "connect": "(", "close": ")", "page": "#", "withdraw": "-", "news": "!"}


def capture(arguments: argparse.Namespace) -> int:
    """Show a line's bytes, and save them as a file that `replay` reads. With --follow until Ctrl-C."""
    answer = listen(arguments, f"/lines/{quote(arguments.line, safe='')}/capture?follow={int(arguments.follow)}")
    about = next(answer, None)
    if about is None:
        raise GatewayError("the daemon ended")
    with ExitStack() as stack:
        file = None if arguments.save is None else stack.enter_context(_private(Path(arguments.save)))
        if file is not None:
            file.write(header(_headers(about)))
        elif about["forgotten"] and not arguments.json:
            say(f"# forgotten: {about['forgotten']} earlier pieces, {about['forgotten_bytes']} bytes")
        shown = 0
        with suppress(KeyboardInterrupt):
            shown = _go_through(arguments, about, answer, file)
    if arguments.save is not None:
        _finish(arguments, shown)
    elif not shown and not arguments.json:
        say(f"nothing went over {arguments.line} yet")
    return Exit.OK


def _go_through(
    arguments: argparse.Namespace, about: dict[str, Any], answer: Iterator[dict[str, Any]], file: TextIO | None
) -> int:
    """Show and save what comes; return how many pieces that were."""
    shown, last = 0, about["time"]
    for entry in answer:
        if "lost" in entry:
            _tell_lost(arguments, int(entry["lost"]), file)
            continue
        piece = Piece(entry["time"], entry["what"], entry["channel"], unreadable(entry["data"]))
        if file is not None:
            file.write(line(piece, about["time"]))
            file.flush()
        if file is None or arguments.follow:
            _show(arguments, entry, about["wall"] + piece.time - about["time"], piece.time - last)
        if arguments.follow:
            sys.stdout.flush()  # through a pipe, too, it is shown when it comes
        last = piece.time
        shown += 1
    return shown


def _tell_lost(arguments: argparse.Namespace, count: int, file: TextIO | None) -> None:
    """Say, and write down, that the line was faster than we were."""
    if file is not None:
        file.write(f"# {count} pieces were missed here\n")
    if arguments.json:
        emit({"lost": count})
    else:
        say(f"# {count} pieces were missed here")


def _show(arguments: argparse.Namespace, entry: dict[str, Any], wall: float, delta: float) -> None:
    if arguments.json:
        emit({**entry, "wall": wall})
        return
    clock = time.strftime("%H:%M:%S", time.localtime(wall)) + f"{wall % 1:.3f}"[1:]
    channel = "".join(character if character.isprintable() else "?" for character in entry["channel"])
    say(f"{clock} {delta:+10.3f}  {channel:>3} {ARROWS.get(entry['what'], '?')} {entry['data']}")


def _headers(about: dict[str, Any]) -> dict[str, str]:
    began = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(about["wall"]))
    headers = {"line": about["line"], "kind": about["kind"], "port": about["port"], "began": began}
    forgotten = f"{about['forgotten']} earlier pieces, {about['forgotten_bytes']} bytes"
    return headers | ({"forgotten": forgotten} if about["forgotten_bytes"] or about["forgotten"] else {})


def _finish(arguments: argparse.Namespace, count: int) -> None:
    if arguments.json and not arguments.follow:
        emit({"ok": True, "file": arguments.save, "pieces": count})
    elif not arguments.json:
        say(f"{arguments.save}: {count} pieces")


def _private(path: Path) -> TextIO:
    """Open a new file that only its owner may read: logins and texts about people went over the line."""
    try:
        return open(path, "x", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600))
    except OSError as error:
        raise GatewayError(f"{path}: {error.strerror}") from None
