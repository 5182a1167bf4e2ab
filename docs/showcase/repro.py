"""Does this checkout show it? [BugFix][Testing] Key the perf cache by the content of dirty files.

``python repro.py [CHECKOUT]`` (else the folder that SCAFFOLD_TREE names, else the current one): runs its
maint/scripts/run_current_regression.py twice in a repository made for it, whose one benchmark reports the latency
written in kernel.py, with two different edits of kernel.py. It says one line and exits with 0 where the second run
reports the latency of the second edit, 1 where it does not, 2 where that cannot be told.
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


def said(code: int, line: str) -> int:
    sys.stdout.write(f"{line}\n")
    return code


def main() -> int:
    tree = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("SCAFFOLD_TREE") or "."
    script = Path(tree).resolve() / "maint/scripts/run_current_regression.py"
    if not script.is_file():
        return said(2, f"cannot tell: there is no {script.name} below the folder given")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "repo"
        example = root / "examples" / "kernel"
        example.mkdir(parents=True)
        (example / "regression_kernel.py").write_text(BENCHMARK)
        (example / "kernel.py").write_text("1.0\n")
        author = {f"GIT_{who}_{what}": "x@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        for arguments in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "init"]):
            subprocess.run(["git", *arguments], cwd=root, check=True, env={**os.environ, **author})
        latencies = []
        for edit in ("2.0\n", "3.0\n"):
            (example / "kernel.py").write_text(edit)
            latencies.append(latency(script, root))
    if latencies != [2.0, 3.0]:
        return said(
            1, f"reproduces: kernel.py said 2.0, then 3.0; the runs reported {latencies[0]}, then {latencies[1]}"
        )
    return said(0, "does not reproduce: each run reported the latency of its own edit")


if __name__ == "__main__":
    sys.exit(main())
