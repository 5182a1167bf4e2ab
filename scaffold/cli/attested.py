"""An attestation as lines for a person."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from scaffold.builds.attestation import Attestation, libraries_words

_SHORT = 12


def print_attestation(console: Console, attestation: Attestation) -> None:
    """First line: what it is and that it is proven; then the facts, one a line."""
    proof = attestation.proof
    lowers = f"{proof.kernel} lowers for {proof.target} through {proof.passes} passes"
    said = f"beware, {proof.kernel} {proof.ran}" if proof.wrong else lowers
    headline = f"{attestation.name} is TileLang {attestation.tilelang_version}: {said}"
    console.print(Text(headline, style="bold"), soft_wrap=True)
    for key, value in _facts(attestation):
        console.print(Text(f"  {key:11}{value}"), soft_wrap=True)


def _facts(attestation: Attestation) -> list[tuple[str, str]]:
    source, made = attestation.made_of, attestation.made_with
    facts: list[tuple[str, str]] = []
    if source:
        commit = f", commit {source['commit'][:_SHORT]}" if source.get("commit") else ""
        dirty = ", with changes that are not committed" if source.get("dirty") else ""
        facts.append(("source", f"{source['origin']}, tree {source['tree_sha256'][:_SHORT]}{commit}{dirty}"))
        facts += [(link.rpartition("/")[2], _short(identity)) for link, identity in source["thirdparty"].items()]
        facts += [("note", note) for note in source.get("notes", ())]
    if made:
        facts += [
            ("made with", f"{made['compiler']} {made['flags']}, backend {', '.join(made['backends'])}"),
            ("TVM", f"{made['tvm']['origin']}: {made['tvm']['reason']}"),
            ("compiled", _compiled(attestation)),
        ]
    facts.append(("run", attestation.proof.ran))
    facts += [("sha256", f"{name}  {digest}") for name, digest in sorted(attestation.libraries.items())]
    packages = ", ".join(f"{name} {version}" for name, version in sorted(attestation.packages.items()))
    facts += [("python", f"{attestation.python_version}, {packages}"), ("imported", attestation.tilelang_path)]
    return facts


def _compiled(attestation: Attestation) -> str:
    if origin := attestation.libraries_of:
        return f"nothing: {libraries_words(origin)}"
    compiled = attestation.made_with["compiled"]
    jobs = "1 job" if compiled["jobs"] == 1 else f"{compiled['jobs']} jobs"
    hits = f", {compiled['cache_hits']} from the compiler cache" if compiled.get("cache_hits") else ""
    return f"{compiled['steps']} steps in {compiled['seconds']:.0f} s, {jobs}{hits}"


def _short(identity: str) -> str:
    kind, colon, digest = identity.rpartition(":")
    return f"{kind}{colon}{digest[:_SHORT]}"
