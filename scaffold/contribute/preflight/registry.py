"""Every rule of preflight, in the order in which they are listed."""

from __future__ import annotations

from collections.abc import Mapping

from scaffold.contribute.preflight.model import Rule
from scaffold.contribute.preflight.rules.audit import CppAudit
from scaffold.contribute.preflight.rules.body import BodyComplete, BodyLength, IssueLinked
from scaffold.contribute.preflight.rules.docs import DocsBuild
from scaffold.contribute.preflight.rules.evidence import EvidenceFresh, IrAcknowledged, TestFailsOnBase, TestsPass
from scaffold.contribute.preflight.rules.files import (
    NoBuildProducts,
    NoLargeFiles,
    NoLicenceHeader,
    NoReproAtRoot,
    SubmoduleMoved,
)
from scaffold.contribute.preflight.rules.history import CommitsClean, OnTopOfBase
from scaffold.contribute.preflight.rules.hooks import Hooks
from scaffold.contribute.preflight.rules.marks import TestMarks
from scaffold.contribute.preflight.rules.python import OldestPython, Syntax
from scaffold.contribute.preflight.rules.secrets import NoSecrets
from scaffold.contribute.preflight.rules.speed import BenchmarkPresent, VerdictSupportsTitle
from scaffold.contribute.preflight.rules.tests import TestBesideSource, TestCollects, TestFooter
from scaffold.contribute.preflight.rules.title import TitleForm, TitleLength

_ALL: tuple[Rule, ...] = (
    *(CommitsClean(), OnTopOfBase(), SubmoduleMoved()),
    *(TitleForm(), TitleLength(), BodyComplete(), BodyLength(), IssueLinked()),
    *(NoSecrets(), NoReproAtRoot(), NoBuildProducts(), NoLargeFiles(), NoLicenceHeader()),
    *(Syntax(), OldestPython(), Hooks(), CppAudit()),
    *(TestBesideSource(), TestCollects(), TestFooter(), TestMarks(), TestsPass(), TestFailsOnBase()),
    *(EvidenceFresh(), IrAcknowledged(), BenchmarkPresent(), VerdictSupportsTitle(), DocsBuild()),
)

RULES: Mapping[str, Rule] = {rule.id: rule for rule in _ALL}
