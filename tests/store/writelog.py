"""What a program wrote and synced, in order, and what a disk holds of it after the power failed at some point."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from random import Random

CALLS = "pwrite64,write,fdatasync,fsync,ftruncate,unlink"
LONGEST = 1 << 17  # bytes of one write
TEXT = r'"((?:\\x[0-9a-f]{2})*)"'
LINE = re.compile(rf"(?:(\w+)\((\d+)<([^>]*)>(?:, {TEXT})?(?:, (\d+))?(?:, (\d+))?|(unlink)\({TEXT})\) += (-?\d+)")


@dataclass(frozen=True)
class Call:
    """One system call. `file` is a name without its folder; `offset` is also the length that a file is cut to."""

    name: str
    handle: int
    file: str
    data: bytes = b""
    offset: int = 0


def recorded(command: list[str], log: Path) -> list[Call]:
    """Run a program under strace; return what its main thread wrote."""
    traced = ["strace", "-y", "-xx", "-s", str(LONGEST), "-e", f"trace={CALLS}", "-e", "signal=none", "-o", str(log)]
    subprocess.run([*traced, *command], check=True, stdout=subprocess.DEVNULL)
    lines = log.read_text("ascii").splitlines()[:-1]  # the last one says how it ended
    return [_parsed(line) for line in lines]


def has_strace() -> bool:
    """Return whether there is an strace that may trace."""
    found = shutil.which("strace")
    return found is not None and subprocess.run([found, "true"], capture_output=True, check=False).returncode == 0


def _parsed(line: str) -> Call:
    found = LINE.match(line)
    assert found is not None, line[:200]
    name, handle, path, text, first, second, unlink, gone, result = found.groups()
    assert int(result) >= 0, line[-100:]
    if unlink:
        return Call("unlink", -1, _name(gone))
    if name == "ftruncate":
        return Call(name, int(handle), _name(path), offset=int(first))
    data = _bytes(text or "")
    assert not data or int(result) == len(data)
    return Call(name, int(handle), _name(path), data, int(second or 0))


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


def _name(path: str) -> str:
    return Path(_bytes(path).decode()).name


class Disk:
    """Files as they are after a power cut: what was synced, and of the rest whatever the disk liked."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self._synced = dict(files)
        self._waiting: dict[str, list[Call]] = {}

    def take(self, call: Call) -> None:
        """Go on by one call."""
        if call.name in {"fsync", "fdatasync"}:
            for one in self._waiting.pop(call.file, []):
                _apply(self._synced, one)
        else:
            self._waiting.setdefault(call.file, []).append(call)

    def after_a_cut(self, chance: Random | None, share: float) -> dict[str, bytes]:
        """Return the files; of what was not synced about a `share` is there, in no order, and some of it in part."""
        files = dict(self._synced)
        for call in (one for waiting in self._waiting.values() for one in waiting):
            if chance is None or chance.random() < share:
                _apply(files, call if chance is None or chance.random() < share else _torn(call, chance))
        return files


def _torn(call: Call, chance: Random) -> Call:
    return Call(call.name, call.handle, call.file, call.data[: chance.randrange(len(call.data) + 1)], call.offset)


def _apply(files: dict[str, bytes], call: Call) -> None:
    if call.name == "unlink":
        files.pop(call.file, None)
        return
    content = bytearray(files.get(call.file, b""))
    if call.name == "ftruncate":
        del content[call.offset :]
    else:
        content.extend(bytes(max(0, call.offset - len(content))))
        content[call.offset : call.offset + len(call.data)] = call.data
    files[call.file] = bytes(content)


def written(files: dict[str, bytes], names: Iterable[str], folder: Path) -> None:
    """Put files into an empty folder."""
    for name in names:
        if name in files:
            (folder / name).write_bytes(files[name])
