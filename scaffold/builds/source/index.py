"""Source archives of a package on an index, by the Simple API.

https://packaging.python.org/en/latest/specifications/simple-repository-api/ (JSON where the index has it, else HTML).
"""

from __future__ import annotations

import json
import re
import urllib.error
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin

from packaging.utils import InvalidSdistFilename, parse_sdist_filename
from packaging.version import Version

from scaffold.builds.source.pip_settings import PipSettings, read_pip_settings
from scaffold.builds.source.web import open_url, without_credentials
from scaffold.errors import EnvironmentProblem, UnknownBuildError

_JSON = "application/vnd.pypi.simple.v1+json"
_ACCEPT = f"{_JSON}, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
_DIGEST = re.compile(r"sha256=([0-9a-f]{64})")


@dataclass(frozen=True)
class SourceArchive:
    """An archive as its index lists it; ``size`` in bytes where the index tells."""

    version: Version
    filename: str
    url: str
    sha256: str | None
    size: int | None
    yanked: bool

    @property
    def shown_version(self) -> str:
        return str(self.version)


def source_archive(version: str, package: str = "tilelang", settings: PipSettings | None = None) -> SourceArchive:
    """The archive of ``version``; ``latest`` is the newest release that has one.

    Raises
    ------
    UnknownBuildError
        If no index has an archive of that version; the hint lists those that have one.
    EnvironmentProblem
        If no index answers.
    """
    found = source_archives(package, settings)
    if version == "latest":
        releases = [item for item in found if not item.yanked and not item.version.is_prerelease]
        if releases:
            return releases[-1]
    else:
        exact = [item for item in found if item.version == Version(version)]
        if exact:
            return exact[-1]
    versions = ", ".join(str(item.version) for item in found) or "none"
    raise UnknownBuildError(
        f"{package} {version} has no source archive on the index",
        hint=f"versions that have one: {versions}; or build a tag from Git: git:v{version}",
    )


def source_archives(package: str, settings: PipSettings | None = None) -> list[SourceArchive]:
    """Every source archive of ``package``, oldest first.

    Raises
    ------
    EnvironmentProblem
        If no index answers.
    """
    settings = settings or read_pip_settings()
    found: dict[Version, SourceArchive] = {}
    problems: list[EnvironmentProblem] = []
    for index in settings.indexes:
        try:
            for archive in _archives_of(index, package, settings.certificate):
                found.setdefault(archive.version, archive)
        except EnvironmentProblem as problem:
            problems.append(problem)
    if not found and problems:
        raise problems[0]
    return [found[version] for version in sorted(found)]


def _archives_of(index: str, package: str, certificate: str | None) -> Iterator[SourceArchive]:
    page = f"{index.rstrip('/')}/{package}/"
    address = page + "index.html" if page.startswith("file:") else page
    try:
        with open_url(address, headers={"Accept": _ACCEPT}, certificate=certificate) as answer:
            text = answer.read().decode("utf-8", "replace")
            is_json = "json" in (answer.headers.get("Content-Type") or "")
            page = answer.url
    except urllib.error.HTTPError as error:
        if error.code in (404, 410):
            return
        raise EnvironmentProblem(
            f"{without_credentials(index)} answers {error.code} {error.reason}",
            hint="check pip's index and its credentials: python -m pip config list",
        ) from error
    files = json.loads(text)["files"] if is_json else _Links.of(text)
    for item in files:
        if archive := _archive(item, page):
            yield archive


def _archive(item: dict[str, Any], page: str) -> SourceArchive | None:
    try:
        _, version = parse_sdist_filename(item["filename"])
    except InvalidSdistFilename:
        return None
    if not item["filename"].endswith(".tar.gz"):
        return None
    return SourceArchive(
        version,
        item["filename"],
        urljoin(page, item["url"]),
        item["hashes"].get("sha256"),
        item.get("size"),
        bool(item.get("yanked")),
    )


class _Links(HTMLParser):
    """The anchors of an index page, in the shape of its JSON form."""

    def __init__(self) -> None:
        super().__init__()
        self.files: list[dict[str, Any]] = []

    @classmethod
    def of(cls, page: str) -> list[dict[str, Any]]:
        parser = cls()
        parser.feed(page)
        return parser.files

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag != "a" or not (href := attributes.get("href")):
            return
        url, fragment = urldefrag(href)
        digest = _DIGEST.match(fragment)
        self.files.append(
            {
                "filename": unquote(url.rpartition("/")[2]),
                "url": url,
                "hashes": {"sha256": digest.group(1)} if digest else {},
                "yanked": "data-yanked" in attributes,
            }
        )
