"""What came of a run, as JSON and as JUnit's XML."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from xml.etree import ElementTree

from scaffold.corpus.examples.discover import Discovered
from scaffold.corpus.examples.model import ExampleResult, Outcome
from scaffold.corpus.examples.record import Campaign

SCHEMA_VERSION = 1

#: What a status is in JUnit's XML; ``failure`` is the test's own, ``error`` one around it.
_ELEMENTS = {
    "failed": "failure",
    "timed out": "error",
    "crashed": "error",
    "lost": "error",
    "skipped": "skipped",
    "not run": "skipped",
    "lowered": "skipped",
}


def document(campaign: Campaign) -> dict[str, Any]:
    """The run as plain values; times and places are under ``provenance``."""
    return {
        "schema_version": SCHEMA_VERSION,
        "build": campaign.build,
        "examples_of": campaign.tree_version,
        "interrupted": campaign.interrupted,
        "asked": campaign.asked,
        "totals": campaign.totals.counts,
        "results": [_result(result) for result in campaign.results],
        "provenance": {
            "started_at": campaign.started_at,
            "seconds": round(campaign.seconds, 1),
            "tree": campaign.tree,
            "logs": str(campaign.folder),
            "gpus": list(campaign.gpus),
            "hosts": sorted({result.host for result in campaign.results if result.host}),
        },
    }


def _result(result: ExampleResult) -> dict[str, Any]:
    facts = asdict(result)
    for key in ("log", "host"):
        del facts[key]
    return facts


def listing(found: Discovered, tree_version: str) -> dict[str, Any]:
    """What was discovered, as plain values."""
    return {
        "schema_version": SCHEMA_VERSION,
        "examples_of": tree_version,
        "examples": [asdict(example) for example in found.examples],
        "left_out": [{"path": path, "reason": reason} for path, reason in found.left_out],
    }


def junit(campaign: Campaign) -> bytes:
    """JUnit's XML: a suite a file, a case a test; a script is a suite of one case.

    Source: the schema Jenkins reads, https://github.com/jenkinsci/xunit-plugin (``junit-10.xsd``), as pytest writes it.
    """
    root = ElementTree.Element("testsuites")
    for result in campaign.results:
        suite = ElementTree.SubElement(root, "testsuite", _counts(result))
        for outcome in result.outcomes:
            _add_case(suite, outcome)
    ElementTree.indent(root)
    data: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return data


def _counts(result: ExampleResult) -> dict[str, str]:
    kinds = [_ELEMENTS.get(outcome.status, "") for outcome in result.outcomes]
    return {
        "name": result.path,
        "tests": str(len(kinds)),
        "failures": str(kinds.count("failure")),
        "errors": str(kinds.count("error")),
        "skipped": str(kinds.count("skipped")),
        "time": f"{result.seconds:.3f}",
        "hostname": result.host or "unknown",
    }


def _add_case(suite: ElementTree.Element, outcome: Outcome) -> None:
    name = outcome.test or outcome.path.rpartition("/")[2]
    classname = outcome.path.removesuffix(".py").replace("/", ".")
    attributes = {"name": name, "classname": classname, "time": f"{outcome.seconds:.3f}"}
    case = ElementTree.SubElement(suite, "testcase", attributes)
    if element := _ELEMENTS.get(outcome.status):
        said = outcome.reason or outcome.status
        message = f"{outcome.status}: {said}" if outcome.status in ("timed out", "crashed", "lost", "not run") else said
        ElementTree.SubElement(case, element, {"message": message}).text = outcome.tail or None
