"""tools/constraints.txt: every dependency, with hashes, from nowhere in particular."""

from __future__ import annotations

import re
import tomllib

from tests.packaging import ROOT

TEXT = (ROOT / "tools" / "constraints.txt").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def sets() -> dict[str, dict[str, list[str]]]:
    """Return set → package → hash options."""
    found: dict[str, dict[str, list[str]]] = {}
    for block in re.split(r"^# set: ", TEXT, flags=re.MULTILINE)[1:]:
        title, _, body = block.partition("\n")
        entries = body.replace("\\\n", " ").split("\n")
        found[title] = {words[0].split("==")[0]: words[1:] for words in map(str.split, entries) if words}
    return found


def name_of(requirement: str) -> str:
    found = re.match(r"[\w.-]+", requirement)
    assert found
    return found[0].lower()


def test_the_runtime_set_has_every_dependency() -> None:
    assert {name_of(line) for line in PROJECT["dependencies"]} <= sets()["runtime"].keys() | sets()["build"].keys()


def test_the_test_set_has_every_tool() -> None:
    wanted = {name_of(line) for line in EXTRAS["test"] + EXTRAS["interop"]} - {"gatewayd"}
    assert wanted <= sets()["test"].keys()


def test_the_build_set_has_the_backend() -> None:
    assert {"pip", "setuptools", "wheel"} <= sets()["build"].keys()


def test_every_package_is_pinned_once_and_by_hash() -> None:
    entries = [entry for packages in sets().values() for entry in packages.items()]
    assert len({name for name, _ in entries}) == len(entries)
    for name, options in entries:
        assert options, name
        assert all(HASH.fullmatch(option) for option in options), name


def test_compiled_packages_have_files_for_both_processors() -> None:
    # A compiled release has one file per processor and Python; a pure one a wheel and a source archive.
    assert len(sets()["runtime"]["aiohttp"]) > len(("x86_64", "aarch64")) * len(("3.11", "3.12", "3.13"))


def test_nothing_but_pins_and_comments_is_in_the_file() -> None:
    line = re.compile(r"#.*|[a-z0-9-]+==[\w.!+]+ \\| {4}--hash=sha256:[0-9a-f]{64}(?: \\)?|")
    assert [text for text in TEXT.splitlines() if not line.fullmatch(text)] == []
