"""One process that imports once and answers many: with the real server, and a TileLang that is none."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from servers import HANG, ask, interpreter, is_gone, pid_in

from scaffold.builds import serving
from scaffold.builds.build import Build
from scaffold.builds.process import end_all
from scaffold.builds.serving import ProbeServer
from scaffold.errors import EnvironmentProblem, ProbeError
from scaffold.progress import Progress

ROOT = Path(__file__).parents[2]

#: Leaves its parent, and its session.
DAEMON = """
import os, time
if os.fork():
    os._exit(0)
os.setsid()
open({pid!r}, "w").write(str(os.getpid()))
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def nothing_warm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "WARM", ())


def server_of(folder: Path, python: str, import_timeout_s: float = 60) -> ProbeServer:
    (folder / "server").mkdir(exist_ok=True)
    progress = Progress(verbosity=-1)
    return ProbeServer(Build("wheel:test", python), folder / "server", progress, import_timeout_s=import_timeout_s)


def pid_of(server: ProbeServer) -> int:
    assert isinstance(server._process, subprocess.Popen)
    return server._process.pid


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ProbeServer]:
    with server_of(tmp_path, interpreter(tmp_path)) as made:
        yield made


linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc here")


@pytest.mark.parametrize(
    ("code", "returncode"),
    [
        ("print('well')", 0),
        ("import os; os._exit(7)", 7),
        ("raise SystemExit(3)", 3),
        ("raise ValueError('said so')", 70),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -9),
        ("import ctypes; ctypes.string_at(0)", -11),
    ],
)
def test_server_tells_how_each_child_ended_and_goes_on(
    code: str, returncode: int, server: ProbeServer, tmp_path: Path
) -> None:
    ended = ask(server, tmp_path / "one", code)
    assert (ended.returncode, ended.timed_out) == (returncode, False)
    after = ask(server, tmp_path / "two", "print('still here')")
    assert (after.returncode, after.tail()) == (0, "still here")
    assert (after.most_memory_bytes or 0) > 1_000_000


@linux
def test_child_has_its_own_log_folder_and_group_and_none_of_the_servers_files(
    server: ProbeServer, tmp_path: Path
) -> None:
    code = """
    import os, sys
    print(os.getcwd(), os.getpgid(0) == os.getpid(), os.environ["TMPDIR"], repr(sys.stdin.read()))
    links = [f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd")]
    print([os.readlink(link) for link in links if os.path.lexists(link)])
    """
    folder = tmp_path / "one"
    first, files = ask(server, folder, code).tail().splitlines()
    assert first == f"{folder} True {folder} ''"
    assert "pipe" not in files
    assert "anon_inode" not in files


@linux
def test_child_that_hangs_is_ended_with_all_it_started(server: ProbeServer, tmp_path: Path) -> None:
    code = f"""
    import os, signal, subprocess, sys, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    subprocess.Popen(["sleep", "60"], start_new_session=True)
    subprocess.run([sys.executable, "-c", {DAEMON.format(pid=str(tmp_path / "daemon"))!r}], start_new_session=True)
    open({str(tmp_path / "own")!r}, "w").write(str(os.getpid()))
    time.sleep(60)
    """
    ended = ask(server, tmp_path / "one", code, timeout_s=1.5)
    assert (ended.timed_out, ended.returncode) == (True, -9)
    assert is_gone(pid_in(tmp_path / "own"))
    assert is_gone(pid_in(tmp_path / "daemon"))
    assert ask(server, tmp_path / "two", "pass").returncode == 0


@linux
def test_child_that_ends_leaves_nothing_running(server: ProbeServer, tmp_path: Path) -> None:
    code = f"""
    import subprocess
    left = subprocess.Popen(["sleep", "60"], start_new_session=True)
    open({str(tmp_path / "left")!r}, "w").write(str(left.pid))
    """
    assert ask(server, tmp_path / "one", code).returncode == 0
    assert is_gone(pid_in(tmp_path / "left"))


def test_child_that_eats_memory_is_stopped_by_its_limit(server: ProbeServer, tmp_path: Path) -> None:
    ended = ask(server, tmp_path / "one", "x = bytearray(600_000_000)", memory=500_000_000)
    assert ended.returncode == 70
    assert "MemoryError" in ended.tail()
    assert ask(server, tmp_path / "two", "x = bytearray(600_000_000)").returncode == 0


@linux
def test_daemon_of_one_request_outlives_another_request(server: ProbeServer, tmp_path: Path) -> None:
    """What a request leaves behind is ended with it, and not before."""
    path = str(tmp_path / "daemon")
    code = f"""
    import os, subprocess, sys, time
    subprocess.run([sys.executable, "-c", {DAEMON.format(pid=path)!r}])
    while not os.path.exists({str(tmp_path / "go")!r}):
        time.sleep(0.05)
    state = open("/proc/" + open({path!r}).read() + "/stat").read().rpartition(")")[2].split()[0]
    raise SystemExit(0 if state == "S" else 1)
    """
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ask, server, tmp_path / "one", code)
        daemon = pid_in(tmp_path / "daemon")
        time.sleep(0.3)
        assert ask(server, tmp_path / "two", "pass").returncode == 0
        (tmp_path / "go").touch()
        assert waiting.result(20).returncode == 0
    assert is_gone(daemon)


def test_many_requests_of_many_threads_each_get_their_own_answer(server: ProbeServer, tmp_path: Path) -> None:
    def one(number: int) -> tuple[int, str]:
        ended = ask(server, tmp_path / str(number), f"print({number}); raise SystemExit({number % 5})")
        return ended.returncode, ended.tail()

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(one, range(200))) == [(number % 5, str(number)) for number in range(200)]


def test_killed_server_tells_who_waits_and_who_asks_after(server: ProbeServer, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ask, server, tmp_path / "one", HANG.format(pid=str(tmp_path / "pid")))
        child = pid_in(tmp_path / "pid")
        os.kill(pid_of(server), signal.SIGKILL)
        with pytest.raises(ProbeError, match=r"the probe server of wheel:test died \(exit code -9\)") as caught:
            waiting.result(10)
    assert caught.value.exit_code == 5
    assert is_gone(child)
    assert not server.alive
    with pytest.raises(ProbeError, match="died"):
        ask(server, tmp_path / "two", "pass")
    with server_of(tmp_path, server.build.python) as another:
        assert ask(another, tmp_path / "three", "pass").returncode == 0


def test_closing_ends_what_runs(tmp_path: Path) -> None:
    server = server_of(tmp_path, interpreter(tmp_path))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ask, server, tmp_path / "one", HANG.format(pid=str(tmp_path / "pid")))
        child = pid_in(tmp_path / "pid")
        server.close()
        with pytest.raises(ProbeError):
            waiting.result(10)
    assert is_gone(child)
    assert is_gone(pid_of(server))


def test_server_outlives_the_thread_that_made_it(tmp_path: Path) -> None:
    """The system ends a child of ours with the thread that started it."""
    made: list[ProbeServer] = []
    thread = threading.Thread(target=lambda: made.append(server_of(tmp_path, interpreter(tmp_path))))
    thread.start()
    thread.join()
    time.sleep(0.2)
    with made[0] as server:
        assert ask(server, tmp_path / "one", "pass").returncode == 0


@pytest.mark.parametrize(
    ("tilelang", "says"),
    [
        ("raise ImportError('libz3.so is missing')", "does not import in wheel:test: ImportError: libz3.so is missing"),
        ("raise SystemExit('no')", "does not import in wheel:test: SystemExit: no"),
        ("import os; os._exit(3)", r"ended while it imported TileLang \(exit code 3\)"),
        ("import os; os.abort()", r"ended while it imported TileLang \(exit code -6\)"),
        ("import time; time.sleep(60)", "did not import in wheel:test within 1 s"),
    ],
)
def test_import_that_fails_in_any_way_is_the_builds_fault(tilelang: str, says: str, tmp_path: Path) -> None:
    with server_of(tmp_path, interpreter(tmp_path, tilelang), import_timeout_s=1) as server:
        for _ in range(2):
            with pytest.raises(EnvironmentProblem, match=says) as caught:
                ask(server, tmp_path / "one", "pass")
    assert "import tilelang" in str(caught.value.hint)
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("said", ["garbage", '{"ready": true}\\n{"id": 1, "ret', '{"ready": true}\\n{"id": 99}'])
def test_server_that_speaks_nonsense_is_no_hang(said: str, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\nprintf '{said}\\n'\nsleep 60\n")
    python.chmod(0o755)
    with server_of(tmp_path, str(python)) as server:
        for _ in range(2):
            with pytest.raises((ProbeError, EnvironmentProblem)):
                ask(server, tmp_path / "one", "pass")


def test_interpreter_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match="wheel:test cannot be started: No such file"):
        server_of(tmp_path, str(tmp_path / "nowhere"))


@linux
def test_end_all_ends_servers_and_what_they_run(server: ProbeServer, tmp_path: Path) -> None:
    """What an interrupted flow calls, while its other threads wait."""
    code = f"""
    import os, subprocess, time
    left = subprocess.Popen(["sleep", "60"], start_new_session=True)
    open({str(tmp_path / "left")!r}, "w").write(str(left.pid))
    {HANG.format(pid=str(tmp_path / "pid"))}
    """
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ask, server, tmp_path / "one", code)
        child = pid_in(tmp_path / "pid")
        end_all()
        with pytest.raises(ProbeError):
            waiting.result(10)
    assert is_gone(child)
    assert is_gone(pid_in(tmp_path / "left"))


#: Says that it is ready and ends, while another process still holds its pipes.
HELD = """#!{python}
import os, time
os.write(1, b'{{"ready": true}}\\n')
if os.fork() == 0:
    os.setsid()
    os.close(1)
    time.sleep(20)
"""


def test_server_that_is_gone_but_whose_pipe_is_held_open_is_no_hang(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(HELD.format(python=sys.executable))
    python.chmod(0o755)
    server = server_of(tmp_path, str(python))
    server._reader.join(10)
    raised: list[type[BaseException]] = []

    def asking() -> None:
        try:
            ask(server, tmp_path / "one", "pass")
        except ProbeError as error:
            raised.append(type(error))

    thread = threading.Thread(target=asking, daemon=True)
    thread.start()
    thread.join(5)
    server.close()
    assert raised == [ProbeError]


KIT = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from scaffold.builds import serving
from scaffold.builds.build import Build
from scaffold.progress import Progress
serving.WARM = ()
folder = Path({folder!r})
(folder / "server").mkdir()
with serving.ProbeServer(Build("wheel:test", {python!r}), folder / "server", Progress(verbosity=-1)) as server:
    open(folder / "server.pid", "w").write(str(server._process.pid))
    server.run("task", folder, timeout_s=60)
"""


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_kit_that_is_ended_leaves_no_process(sign: int, tmp_path: Path) -> None:
    code = KIT.format(root=str(ROOT), folder=str(tmp_path), python=interpreter(tmp_path))
    (tmp_path / "request.json").write_text(json.dumps({"code": HANG.format(pid=str(tmp_path / "child.pid"))}))
    kit = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    child, server = pid_in(tmp_path / "child.pid"), pid_in(tmp_path / "server.pid")
    kit.send_signal(sign)
    kit.wait(10)
    assert is_gone(child)
    assert is_gone(server)
