"""What is asked of many kernels: the flags, the builds of both sides, and what is lowered in each."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scaffold.builds.build import Build
from scaffold.builds.content import content_digest
from scaffold.builds.gpu import default_target, find_gpu
from scaffold.cli.many_options import is_folder
from scaffold.cli.tracing import Session, refuse_same, settings_of
from scaffold.corpus.checkout import named_tree, tree_of
from scaffold.corpus.examples.lending import lend_to_scripts
from scaffold.corpus.lowering import LowerTask
from scaffold.corpus.manifest import Entry, Manifest, files_with_kernels, make_manifest
from scaffold.errors import EnvironmentProblem, UsageError
from scaffold.kernels.catalog import zoo_names
from scaffold.kernels.spec import Settings, parse_spec
from scaffold.kernels.target import normal_label, parse_target
from scaffold.probe.notebook import SUFFIXES

#: For one script of many, in seconds: of upstream's examples four take longer, as TileLang lowers theirs in 30 s each.
_TIMEOUT_S = 120.0


def _is_own_file(name: str) -> bool:
    path = name.partition("::")[0]
    return path.endswith(SUFFIXES) and Path(path).is_file()


@dataclass(frozen=True)
class Side:
    """One build of the comparison, and what is set beside it; ``tree`` where it takes scripts of its own."""

    label: str
    build: Build
    content: str
    settings: Settings
    tree: str = ""


def sides_of(namespace: argparse.Namespace, session: Session) -> list[Side]:
    """The builds asked for, made if they are not here, told apart by what they are and not by their names.

    Raises
    ------
    SameBuildError
        If two builds were asked for and both are the same TileLang.
    """
    common = settings_of(namespace)
    one = len(namespace.kernels) == 1 and "::" in namespace.kernels[0]
    if common.parameters and not one:
        raise UsageError(
            f"--set {next(iter(common.parameters))}=… is a parameter of one kernel",
            hint="many kernels take pass configs only, which have a dot: --set tl.disable_warp_specialized=true",
        )
    specs = [("baseline", namespace.baseline), ("candidate", namespace.candidate)]
    if namespace.candidate_tree and not namespace.source_tree:
        raise UsageError(
            "--candidate-tree says the candidate's scripts only", hint="name the baseline's too: --source-tree DIR"
        )
    if namespace.baseline is None and namespace.candidate is None and not namespace.candidate_tree:
        return [_side("", common, session)]
    sides = []
    for label, text in specs:
        settings = common.overlaid(parse_spec(text or "", flag=f"--{label}"))
        if not one and (settings.parameters or settings.target != common.target):
            raise UsageError(
                f"--{label} {text} says more than a build and pass configs",
                hint="for many kernels, say --baseline build=… and --candidate build=…; targets by --target",
            )
        sides.append(_side(label, settings, session))
    if namespace.candidate_tree:
        trees = (named_tree(namespace.source_tree), named_tree(namespace.candidate_tree))
        return [replace(side, tree=str(tree.folder)) for side, tree in zip(sides, trees, strict=True)]
    refuse_same(sides[0].build, sides[1].build, session.workspace)
    return sides


def _side(label: str, settings: Settings, session: Session) -> Side:
    build = session.store.get(settings.build)
    return Side(label, build, content_digest(build, session.workspace), settings)


def manifest_of(namespace: argparse.Namespace, session: Session, side: Side) -> Manifest:
    """What is asked for: the corpus or part of it, or scripts of the user's own."""
    targets = tuple(normal_label(item.strip()) for item in (namespace.target or "").split(",") if item.strip())
    for target in targets:
        parse_target(target)
    if namespace.run:
        targets = (_target_to_run(targets),)
    # Of two trees a script is one of theirs, whatever lies in the current folder.
    own = (
        []
        if namespace.candidate_tree
        else [name for name in namespace.kernels if _is_own_file(name) or is_folder(name)]
    )
    names = [name for name in namespace.kernels if name not in own]
    entries = [
        Entry(inside, target, str(tree))
        for name in own
        for tree, inside in _files_named(name)
        for target in targets or (default_target(),)
    ]
    if names or namespace.corpus or not own:
        tree = _tree(namespace, session, side) if _needs_tree(namespace, names) else None
        other = named_tree(namespace.candidate_tree).folder if namespace.candidate_tree else None
        entries += make_manifest(tree, targets, names, other_tree=other).entries
    return Manifest(tuple(entries))


def _files_named(name: str) -> list[tuple[Path, str]]:
    """The folder and the name in it of each file that ``name`` means.

    Raises
    ------
    UsageError
        If it is a folder in which no file makes a kernel.
    """
    path, separator, inside = name.partition("::")
    if not Path(path).is_dir():
        return [(Path(path).resolve().parent, Path(path).name + separator + inside)]
    found = files_with_kernels(Path(path))
    if not found:
        raise UsageError(
            f"no file in {name} makes a kernel with TileLang", hint="name a folder with scripts that import tilelang"
        )
    return [(Path(path).resolve(), file) for file in found]


def _target_to_run(targets: Sequence[str]) -> str:
    """What scripts are run for: this machine's GPU, or its CPU where that was asked for.

    Raises
    ------
    UsageError
        If another target was asked for.
    EnvironmentProblem
        If there is no GPU.
    """
    if targets in (("c",), ("llvm",)):
        return targets[0]
    gpu = find_gpu()
    if gpu is None:
        raise EnvironmentProblem(
            "--run needs a GPU, and this machine has none",
            hint="leave --run out: scripts then run on stand-ins; or --target c, if they compile for the CPU",
        )
    if targets not in ((), (gpu.target,)):
        raise UsageError(
            f"--run runs on this machine's {gpu.name} ({gpu.target}), not on {', '.join(targets)}",
            hint="leave --run out to lower for another target",
        )
    return gpu.target


def _needs_tree(namespace: argparse.Namespace, names: Sequence[str]) -> bool:
    return namespace.corpus or bool(namespace.source_tree) or any(name not in zoo_names() for name in names)


def _tree(namespace: argparse.Namespace, session: Session, side: Side) -> Path:
    if namespace.source_tree:
        return named_tree(namespace.source_tree).folder
    found = tree_of(side.build, session.workspace, session.progress)
    if found.note:
        session.progress.say(found.note)
    return found.folder


def task_of(entry: Entry, side: Side, namespace: argparse.Namespace, session: Session) -> LowerTask:
    if entry.is_script:
        entry = replace(entry, tree=side.tree or entry.tree, target=_target_of(side, namespace) or entry.target)
    return LowerTask(
        entry=entry,
        build=side.build,
        content=side.content,
        workspace=str(session.workspace.root),
        timeout_s=namespace.timeout or _TIMEOUT_S,
        pass_configs=tuple(sorted(side.settings.pass_configs.items())),
        argv=tuple(shlex.split(namespace.script_args)) if entry.is_script else (),
        packages=lend_to_scripts(session.workspace.cache, entry.path) if entry.is_script else (),
        real=namespace.run and entry.is_script,
        parameters=tuple(sorted(side.settings.parameters.items())),
        init=tuple(namespace.init),
        inputs=tuple(namespace.input),
        import_roots=side.settings.import_roots,
    )


def _target_of(side: Side, namespace: argparse.Namespace) -> str:
    """The target that this side alone has; empty where both have the same."""
    target = side.settings.target
    if target is None or target == namespace.target:
        return ""
    label = normal_label(target)
    parse_target(label)
    return label
