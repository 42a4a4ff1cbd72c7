from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

BOX = ("--config", "box.toml")


def test_a_backup_is_a_store_from_which_people_can_be_exported(shell: Shell) -> None:
    shell.type("import", shell.write("site.toml", '[[user]]\nname = "anna"\n'), *BOX)
    ended = shell.type("backup", "copy.db", *BOX)
    assert (ended.code, ended.out.startswith("copy.db: "), ended.out.endswith("bytes, checked\n")) == (0, True, True)
    assert shell.type("backup", "copy.db", *BOX).err == "gatewayd: copy.db: File exists\n"
    assert shell.type("backup", "copy.db", *BOX, "--json").code == 1
    assert shell.type("backup", "other.db", *BOX, "--json").json["ok"] is True
    (shell.folder / "old").mkdir()
    (shell.folder / "copy.db").rename(shell.folder / "old" / "gatewayd.db")
    assert 'name = "anna"' in shell.type("export", *BOX, "--data", "old").out


def test_whoever_names_the_data_directory_needs_no_configuration(shell: Shell) -> None:
    shell.type("import", shell.write("site.toml", '[[user]]\nname = "anna"\n'), *BOX)
    data = str(shell.folder / "data")
    assert shell.type("backup", "copy.db", "--data", data).code == 0
    assert shell.type("store", "--data", data).out.endswith("the file is sound\n")
    assert 'name = "anna"' in shell.type("export", "--data", data).out
    assert "cannot be read" in shell.type("backup", "other.db", "--config", "nowhere.toml").err
