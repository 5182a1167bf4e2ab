"""TileLang stays imported between commands: the real resident process, and a TileLang that is none."""

from __future__ import annotations

import os
import signal
import socket
import struct
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from servers import HANG, TILELANG, ask, interpreter, is_gone, pid_in

from scaffold.builds import resident, serving
from scaffold.builds.build import Build
from scaffold.builds.process import end_all
from scaffold.builds.resident import end_residents, open_server, resident_server
from scaffold.builds.serving import ProbeServer
from scaffold.errors import EnvironmentProblem, ProbeError
from scaffold.progress import Progress

pytestmark = [
    pytest.mark.network,
    pytest.mark.skipif(not hasattr(socket, "SO_PEERCRED"), reason="no SO_PEERCRED: the tests could not end it"),
]

QUIET = Progress(verbosity=-1)

#: The process that imported it, in ``tilelang.HOME``.
MARKED = TILELANG + "\nimport os\nHOME = os.getpid()\nSEEN = []\n"
HOME = "import tilelang; print(tilelang.HOME)"


@pytest.fixture
def python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.delenv("SCAFFOLD_NO_RESIDENT")
    runtime = Path(os.environ.get("TMPDIR", "/tmp")) / f"r{os.getpid()}-{time.monotonic_ns() % 10**6}"
    runtime.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    for module in (serving, resident):
        monkeypatch.setattr(module, "WARM", ())
    made = interpreter(tmp_path, MARKED)
    yield made
    end_residents(made)


def command(python: str, folder: Path, code: str) -> str:
    """What one command prints that runs ``code`` in the build, as a fork of the resident process."""
    folder.mkdir(exist_ok=True)
    server = resident_server(Build("wheel:test", python), folder, QUIET)
    assert server is not None
    with server:
        ended = ask(server, folder / "job", code)
    assert ended.returncode == 0, ended.tail()
    return ended.tail().strip()


def home_of(python: str, folder: Path) -> int:
    return int(command(python, folder, HOME))


def test_second_command_finds_tilelang_imported(python: str, tmp_path: Path) -> None:
    assert home_of(python, tmp_path / "one") == home_of(python, tmp_path / "two")


def test_nothing_of_a_command_is_seen_by_the_next(python: str, tmp_path: Path) -> None:
    code = "import os, tilelang; tilelang.SEEN.append(1); os.environ['SEEN'] = '1'; os.chdir('/'); print('ok')"
    assert command(python, tmp_path / "one", code) == "ok"
    code = "import os, tilelang; print(tilelang.SEEN, 'SEEN' in os.environ, os.getcwd() != '/')"
    assert command(python, tmp_path / "two", code) == "[] False True"


def test_two_commands_at_once_are_served_apart(python: str, tmp_path: Path) -> None:
    home = home_of(python, tmp_path / "first")
    with ThreadPoolExecutor(8) as pool:
        homes = list(pool.map(lambda number: home_of(python, tmp_path / str(number)), range(16)))
    assert set(homes) == {home}


def test_changed_file_is_imported_anew(python: str, tmp_path: Path) -> None:
    before = home_of(python, tmp_path / "one")
    (tmp_path / "site" / "tilelang" / "__init__.py").write_text(MARKED + "\nNEW = 'yes'\n")
    assert command(python, tmp_path / "two", "import tilelang; print(tilelang.NEW)") == "yes"
    assert is_gone(before)


def test_other_variables_are_another_process(python: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = home_of(python, tmp_path / "one")
    monkeypatch.setenv("CUDA_HOME", "/elsewhere")
    assert command(python, tmp_path / "two", "import os; print(os.environ['CUDA_HOME'])") == "/elsewhere"
    assert is_gone(home)


def test_killed_process_is_replaced_by_the_next_command(python: str, tmp_path: Path) -> None:
    home = home_of(python, tmp_path / "one")
    os.kill(home, signal.SIGKILL)
    assert is_gone(home)
    assert home_of(python, tmp_path / "two") != home


def test_process_that_is_killed_does_not_take_a_command_with_it(python: str, tmp_path: Path) -> None:
    home = home_of(python, tmp_path / "one")
    code = f"import os, signal; os.kill({home}, signal.SIGKILL); print('done')"
    assert command(python, tmp_path / "two", code) == "done"


def test_idle_process_ends(python: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resident, "_IDLE_S", 0.1)
    assert is_gone(home_of(python, tmp_path / "one"))


def test_process_ends_when_it_is_told_and_when_its_socket_is_gone(python: str, tmp_path: Path) -> None:
    home = home_of(python, tmp_path / "one")
    end_residents(python)
    assert is_gone(home)
    home = home_of(python, tmp_path / "two")
    for path in Path(os.environ["XDG_RUNTIME_DIR"]).rglob("*.sock"):
        path.unlink()
    assert is_gone(home)


@pytest.mark.parametrize("end", ["close", "end_all"])
def test_end_of_a_command_ends_what_it_runs(end: str, python: str, tmp_path: Path) -> None:
    home = home_of(python, tmp_path / "one")
    (tmp_path / "two").mkdir()
    server = resident_server(Build("wheel:test", python), tmp_path / "two", QUIET)
    assert server is not None
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ask, server, tmp_path / "two" / "job", HANG.format(pid=str(tmp_path / "pid")))
        child = pid_in(tmp_path / "pid")
        server.close() if end == "close" else end_all()
        with pytest.raises(ProbeError):
            waiting.result(10)
    server.close()
    assert is_gone(child)
    assert home_of(python, tmp_path / "three") == home


def test_time_limit_holds(python: str, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    with open_server(Build("wheel:test", python), tmp_path / "one", QUIET) as server:
        ended = ask(server, tmp_path / "one" / "job", "import time; time.sleep(60)", timeout_s=0.3)
    assert ended.timed_out


def test_build_that_does_not_import_says_why(python: str, tmp_path: Path) -> None:
    broken = interpreter(tmp_path, "raise ImportError('libz3.so: cannot open')")
    with (
        open_server(Build("wheel:test", broken), tmp_path, QUIET) as server,
        pytest.raises(EnvironmentProblem, match=r"libz3\.so: cannot open"),
    ):
        ask(server, tmp_path / "job", "pass")


@pytest.mark.parametrize("why", ["switched off", "others may write", "link"])
def test_command_does_without_where_a_process_cannot_be_kept(
    why: str, python: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(os.environ["XDG_RUNTIME_DIR"]) / f"tilelang-scaffold-{os.getuid()}"
    if why == "switched off":
        monkeypatch.setenv("SCAFFOLD_NO_RESIDENT", "1")
    elif why == "link":
        folder.symlink_to(tmp_path)
    else:
        folder.mkdir()
        folder.chmod(0o777)
    assert resident_server(Build("wheel:test", python), tmp_path, QUIET) is None
    with open_server(Build("wheel:test", python), tmp_path, QUIET) as server:
        assert isinstance(server, ProbeServer)
        assert ask(server, tmp_path / "job", HOME).returncode == 0


def test_socket_belongs_to_its_user_alone(python: str, tmp_path: Path) -> None:
    home = home_of(python, tmp_path / "one")
    (path,) = Path(os.environ["XDG_RUNTIME_DIR"]).rglob("*.sock")
    assert path.parent.stat().st_mode & 0o777 == 0o700
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(str(path))
        pid, uid, _ = struct.unpack("3i", link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    assert (pid, uid) == (home, os.getuid())
