"""Copies of an installed TileLang with a change planted in its Python: links to everything but the files changed."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from scaffold.builds.build import Build

#: Folders of the package without a line of its own Python: linked whole.
_HEAVY = ("lib", "3rdparty", "src")


@dataclass(frozen=True)
class Edit:
    """Replace ``old``, which stands in the file once, by ``new``."""

    file: str
    old: str
    new: str


def plant(build: Build, folder: Path, *edits: Edit) -> str:
    """Name of a build whose TileLang is that of ``build`` with ``edits`` made.

    Its virtual environment holds that TileLang, and takes everything else from the environment of ``build``.
    """
    site = _site_packages(build.python)
    subprocess.run([build.python, "-m", "venv", "--without-pip", str(folder)], check=True, capture_output=True)
    python = folder / "bin" / "python"
    own = Path(_site_packages(str(python)))
    _link(Path(site) / "tilelang", own / "tilelang")
    # Behind its own packages, of which there is one, and with what that environment adds to its path itself.
    (own / "shared.pth").write_text(f"import site; site.addsitedir({site!r})\n", encoding="utf-8")
    for edit in edits:
        _edit(own / "tilelang" / edit.file, edit)
    return f"python:{python}"


def _site_packages(python: str) -> str:
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    return subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def _link(source: Path, target: Path) -> None:
    """Compiled modules are linked too: one whose source was changed is older than that, and not used."""
    shutil.copytree(
        source, target, copy_function=os.symlink, ignore=lambda path, _: _HEAVY if Path(path) == source else ()
    )
    for name in _HEAVY:
        (target / name).symlink_to(source / name)


def _edit(path: Path, edit: Edit) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(edit.old) == 1, f"{edit.file} of this release does not hold just one {edit.old!r}"
    path.unlink()
    path.write_text(text.replace(edit.old, edit.new), encoding="utf-8")
