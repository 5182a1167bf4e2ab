"""Downloads over HTTP, from a server of this machine that may break off."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from scaffold.builds.source.download import download
from scaffold.builds.source.index import SourceArchive, source_archives
from scaffold.builds.source.pip_settings import PipSettings
from scaffold.errors import BuildFailedError, EnvironmentProblem
from scaffold.progress import Progress

pytestmark = pytest.mark.network

DATA = bytes(range(256)) * 16384  # 4 MiB


class Server(ThreadingHTTPServer):
    """Serves :data:`DATA`; ``breaks`` answers end after a quarter of what they promise."""

    breaks = 0
    ranges = True
    wanted: tuple[str | None, ...] = ()
    authorization: str | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self.server.authorization = self.headers["Authorization"]
        if self.path == "/simple/tilelang/":
            return self._page()
        if self.path != "/files/tilelang-1.2.3.tar.gz":
            return self.send_error(500)
        wanted = self.headers["Range"]
        self.server.wanted += (wanted,)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.server.ranges else 0
        if start >= len(DATA):
            return self.send_error(416)
        body = DATA[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.server.breaks:
            self.server.breaks -= 1
            body = body[: len(DATA) // 4]
        self.wfile.write(body)
        return None

    def _page(self) -> None:
        name = "tilelang-1.2.3.tar.gz"
        text = json.dumps({"files": [{"filename": name, "url": f"../../files/{name}", "hashes": {}}]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/vnd.pypi.simple.v1+json")
        self.end_headers()
        self.wfile.write(text)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr("scaffold.builds.source.download.time.sleep", lambda _: None)
    monkeypatch.setenv("NO_PROXY", "*")
    with Server(("127.0.0.1", 0), Handler) as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def archive(server: Server, *, size: int | None = len(DATA), sha256: str | None = None) -> SourceArchive:
    name = "tilelang-1.2.3.tar.gz"
    digest = sha256 or hashlib.sha256(DATA).hexdigest()
    return SourceArchive(Version("1.2.3"), name, f"{server.url}/files/{name}", digest, size, yanked=False)


QUIET = Progress(verbosity=-1)


def test_a_broken_connection_goes_on_where_it_stopped(server: Server, tmp_path: Path) -> None:
    server.breaks = 2
    assert download(archive(server), tmp_path, QUIET).read_bytes() == DATA
    quarter = len(DATA) // 4
    assert server.wanted == (None, f"bytes={quarter}-", f"bytes={2 * quarter}-")


@pytest.mark.parametrize(
    ("have", "ranges", "size"), [(1000, True, True), (1000, False, True), (len(DATA), True, False)]
)
def test_what_an_earlier_run_fetched_is_used(
    server: Server, tmp_path: Path, *, have: int, ranges: bool, size: bool
) -> None:
    server.ranges = ranges
    (tmp_path / "tilelang-1.2.3.tar.gz.part").write_bytes(DATA[:have])
    found = archive(server, size=len(DATA) if size else None)
    assert download(found, tmp_path, QUIET).read_bytes() == DATA
    assert server.wanted == (f"bytes={have}-",)
    assert [path.name for path in tmp_path.iterdir()] == ["tilelang-1.2.3.tar.gz"]


def test_a_part_of_something_else_is_told_by_the_checksum(server: Server, tmp_path: Path) -> None:
    (tmp_path / "tilelang-1.2.3.tar.gz.part").write_bytes(b"x" * 1000)
    with pytest.raises(BuildFailedError, match="what was fetched is deleted"):
        download(archive(server), tmp_path, QUIET)
    assert download(archive(server), tmp_path, QUIET).read_bytes() == DATA


def test_a_damaged_archive_is_fetched_anew(server: Server, tmp_path: Path) -> None:
    (tmp_path / "tilelang-1.2.3.tar.gz").write_bytes(b"damaged")
    assert download(archive(server), tmp_path, QUIET).read_bytes() == DATA


def test_a_server_that_keeps_breaking_off_leaves_the_part(server: Server, tmp_path: Path) -> None:
    server.breaks = 10
    server.ranges = False
    with pytest.raises(EnvironmentProblem, match=r"cannot reach 127\.0\.0\.1") as caught:
        download(archive(server), tmp_path, QUIET)
    assert "bytes are missing" in caught.value.message
    assert (tmp_path / "tilelang-1.2.3.tar.gz.part").stat().st_size == len(DATA) // 4


def test_json_index_with_credentials(server: Server) -> None:
    index = f"{server.url}/simple".replace("://", "://me:p%40ss@")
    (found,) = source_archives("tilelang", PipSettings((index,)))
    assert found.url == f"{server.url}/files/tilelang-1.2.3.tar.gz"
    assert server.authorization == "Basic bWU6cEBzcw=="


def test_index_that_answers_with_an_error(server: Server) -> None:
    with pytest.raises(EnvironmentProblem, match=r"answers 500") as caught:
        source_archives("tilelang", PipSettings((f"{server.url.replace('://', '://me:secret@')}/other",)))
    assert "secret" not in caught.value.message
