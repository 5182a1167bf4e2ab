"""The flags of many kernels, and whether a name means many: apart from what lowers them, which takes long to import."""

from __future__ import annotations

import argparse
from pathlib import Path

from scaffold.kernels.catalog import zoo_names
from scaffold.probe.notebook import SUFFIXES


def add_many(parser: argparse.ArgumentParser) -> None:
    """The flags that ask for many kernels."""
    group = parser.add_argument_group("many kernels")
    group.add_argument(
        "--corpus", action="store_true", help="the whole zoo and every upstream example; names narrow it down"
    )
    group.add_argument(
        "--source-tree", metavar="DIR", help="a checkout, or its examples (default: what goes with the baseline)"
    )
    group.add_argument(
        "--candidate-tree", metavar="DIR", help="the candidate's scripts, where they differ too (needs --source-tree)"
    )
    group.add_argument("--machine-code", action="store_true", help="registers and spills of every kernel that differs")
    group.add_argument("--jobs", metavar="N", type=int, default=0, help="kernels at a time (default: one a core)")
    group.add_argument("--scheduler", metavar="ADDRESS", help="of a running Dask cluster whose workers do it")
    group.add_argument("--script-args", metavar="ARGS", default="", help="command line of the script, quoted as one")
    group.add_argument(
        "--run", action="store_true", help="scripts as they are, on this machine's GPU (default: on stand-ins)"
    )
    group.add_argument(
        "--init",
        metavar="VALUE",
        action="append",
        default=[],
        help="of file.py::Class, what it is made with, in order (default: what its get_init_inputs returns)",
    )
    group.add_argument(
        "--input",
        metavar="VALUE",
        action="append",
        default=[],
        help="of file.py::name, what it is called with, in order: 8, float16[1024,64] (default: its get_inputs)",
    )
    group.add_argument("--kernel", metavar="NAME", help="of a script, this kernel only")


def is_script(name: str) -> bool:
    """Whether ``name`` is a file to be run as a script, and not one function of it."""
    return name.endswith(SUFFIXES) and "::" not in name


def is_folder(name: str) -> bool:
    """Whether ``name`` is a folder of the user's; a kernel of the zoo goes before one of the same name."""
    return Path(name).is_dir() and name not in zoo_names()
