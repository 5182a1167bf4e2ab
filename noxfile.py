"""Sessions: each makes an environment, then calls ``python -m scaffold VERB`` or a tool. No logic lives here."""

from __future__ import annotations

import sys
from pathlib import Path

import nox

nox.options.sessions = ["lint", "tests"]
nox.options.reuse_existing_virtualenvs = True
nox.needs_version = ">=2024.4"

PROJECT = nox.project.load_toml("pyproject.toml")


def group(name: str) -> list[str]:
    return list(nox.project.dependency_groups(PROJECT, name))


def install(session: nox.Session, *requirements: str, **env: str) -> None:
    """``pip install`` at the versions of ``constraints.txt``."""
    session.run_install("python", "-m", "scaffold.locked_pip", *requirements, env=env)


def verb(session: nox.Session, name: str) -> None:
    """Install the kit and run one of its verbs with what follows ``--``."""
    install(session, "-e", ".")
    # The interpreter the user has, with its PyTorch perhaps; the session's own is the kit's.
    session.run("python", "-m", "scaffold", name, *session.posargs, env={"SCAFFOLD_PYTHON": sys.executable})


@nox.session
def setup(session: nox.Session) -> None:
    """Get TileLang's source, build it and prove it: nox -s setup, or nox -s setup -- --source sdist:0.1.14."""
    verb(session, "setup")


@nox.session(name="tir-diff")
def tir_diff(session: nox.Session) -> None:
    """Show what each pass did: nox -s tir-diff -- gemm."""
    verb(session, "tir-diff")


@nox.session(name="tir-dump")
def tir_dump(session: nox.Session) -> None:
    """Write every pass as a numbered file: nox -s tir-dump -- gemm -o gemm-dump."""
    verb(session, "tir-dump")


@nox.session
def kernels(session: nox.Session) -> None:
    """List the kernel zoo, or show one kernel."""
    verb(session, "kernels")


@nox.session
def passes(session: nox.Session) -> None:
    """Say where each pass is, or all about one: nox -s passes -- LowerTileOp."""
    verb(session, "passes")


@nox.session
def examples(session: nox.Session) -> None:
    """Run upstream's examples and their tests on the GPUs here: nox -s examples -- gemm flash_attention."""
    verb(session, "examples")


@nox.session
def bench(session: nox.Session) -> None:
    """Time kernels beside PyTorch, or on two sides: nox -s bench -- gemm --candidate num_stages=2."""
    verb(session, "bench")


@nox.session
def profile(session: nox.Session) -> None:
    """The vendor's profiler on one kernel, on one side or two: nox -s profile -- gemm."""
    verb(session, "profile")


@nox.session
def explain(session: nox.Session) -> None:
    """Why one side is faster: nox -s explain -- gemm --baseline num_stages=2 --candidate num_stages=3."""
    verb(session, "explain")


@nox.session(name="new-pr")
def new_pr(session: nox.Session) -> None:
    """Start a pull request, as scripts/new_pr.py does: nox -s new-pr -- bugfix --checkout ../tilelang."""
    verb(session, "new-pr")


@nox.session
def evidence(session: nox.Session) -> None:
    """Run what your pull request needs on both sides, and fill its description: nox -s evidence."""
    verb(session, "evidence")


@nox.session
def preflight(session: nox.Session) -> None:
    """Check your branch as upstream's CI and reviewers will: nox -s preflight -- --fix."""
    verb(session, "preflight")


@nox.session(name="open-pr")
def open_pr(session: nox.Session) -> None:
    """Show the pull request as it would be; with --push, open a draft of it."""
    verb(session, "open-pr")


@nox.session
def builds(session: nox.Session) -> None:
    """List the TileLang builds of the workspace, or add one: nox -s builds -- add wheel:0.1.13."""
    verb(session, "builds")


@nox.session
def doctor(session: nox.Session) -> None:
    """Say what this machine has and lacks, and what to type: nox -s doctor -- --for source."""
    verb(session, "doctor")


@nox.session
def bundle(session: nox.Session) -> None:
    """Make one file for a machine without a network: nox -s bundle -- --python 3.12 --max-size 60MiB."""
    verb(session, "bundle")


@nox.session
def tests(session: nox.Session) -> None:
    """Run every test that this machine can run; skips name what is missing."""
    install(session, "-e", ".[cluster]", *group("test"))
    session.run("python", "-m", "pytest", "-n", "auto", "--maxprocesses", "8", "--dist", "worksteal", *session.posargs)
    if not session.posargs:
        session.run("python", "-m", "pytest", "-m", "serial")


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, types and spelling, as pre-commit does."""
    install(session, "-e", ".", *group("lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    session.run("codespell")


@nox.session
def lock(session: nox.Session) -> None:
    """Renew constraints.txt, the versions that all sessions install, and show what moved."""
    install(session, "packaging", *group("lock"))
    session.run("python", "scripts/lock.py", "renew")


@nox.session(name="tests-newest")
def tests_newest(session: nox.Session) -> None:
    """Run the tests with the newest of everything, and name the library behind each failure."""
    run_lane(session, "newest")


@nox.session(name="tests-lowest")
def tests_lowest(session: nox.Session) -> None:
    """Run the tests with the lowest version of each direct dependency, and name the library behind each failure."""
    run_lane(session, "lowest")


def run_lane(session: nox.Session, versions: str) -> None:
    file = str(Path(session.virtualenv.location).resolve() / f"{versions}.txt")
    install(session, "packaging", *group("lock"))
    session.run("python", "scripts/lock.py", versions, "-o", file)
    # The newest of everything is the newest TileLang, too.
    release = "wheel:latest" if versions == "newest" else ""
    env = {"SCAFFOLD_CONSTRAINTS": file, "SCAFFOLD_TEST_RELEASE": release}
    install(session, "-e", ".[cluster]", *group("test"), **env)
    session.run("python", "scripts/lock.py", "test", file, "--", *session.posargs, env=env)


@nox.session
def docs(session: nox.Session) -> None:
    """Regenerate what the README and docs show: outputs, pictures, the table of kernels and targets."""
    install(session, "-e", ".", *group("test"))
    session.run("python", "scripts/regenerate_docs.py", *session.posargs)
