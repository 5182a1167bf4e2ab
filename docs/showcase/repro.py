"""Does this checkout show it? [BugFix][Testing] Key the perf-regression cache by the content of dirty files.

``python repro.py CHECKOUT``: runs CHECKOUT/maint/scripts/run_current_regression.py twice in a repository made for it,
whose one benchmark reports the latency written in kernel.py, with two different edits of kernel.py. It prints one line
and exits with 0 where the second run reports the second edit's latency, 1 where it does not, 2 where that cannot be told.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

BENCHMARK = """import json
from pathlib import Path


def regression_kernel():
    latency = float(Path(__file__).with_name("kernel.py").read_text())
    item = {"name": "kernel", "latency": latency, "case": "kernel"}
    print("__TILELANG_PERF_RESULTS_JSON__=" + json.dumps([item]))


regression_kernel()
"""


def latency(script: Path, root: Path) -> float:
    output = root.parent / "out.json"
    command = [sys.executable, str(script), "--cache-dir", str(root.parent / "cache"), "--output", str(output)]
    command += ["--examples-root", str(root / "examples"), "--use-installed-package"]
    subprocess.run(command, cwd=root, check=True, stdout=subprocess.DEVNULL)
    return json.loads(output.read_text())["results"]["kernel"]


def main() -> int:
    script = Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve() / "maint/scripts/run_current_regression.py"
    if not script.is_file():
        print(f"cannot tell: there is no {script.name} below the folder given")
        return 2
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "repo"
        example = root / "examples" / "kernel"
        example.mkdir(parents=True)
        (example / "regression_kernel.py").write_text(BENCHMARK)
        (example / "kernel.py").write_text("1.0\n")
        author = {f"GIT_{who}_{what}": "repro@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        for arguments in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "init"]):
            subprocess.run(["git", *arguments], cwd=root, check=True, env={**os.environ, **author})
        said = []
        for edit in ("2.0\n", "3.0\n"):
            (example / "kernel.py").write_text(edit)
            said.append(latency(script, root))
    if said != [2.0, 3.0]:
        print(f"reproduces: kernel.py said 2.0, then 3.0; the runs reported {said[0]}, then {said[1]}")
        return 1
    print("does not reproduce: each run reported the latency of its own edit")
    return 0


if __name__ == "__main__":
    sys.exit(main())
