"""Which files a change brings along."""

from __future__ import annotations

import math
import re
import shlex

from scaffold.builds.source.git import git
from scaffold.contribute.preflight.hooks.config import hook_settings
from scaffold.contribute.preflight.model import Answer, Facts, Rule, failed, passed, quiet, warned
from scaffold.contribute.preflight.reading import gitlink, gitlinks, is_folder, name, new_files, text_of
from scaffold.contribute.preflight.rewriting import rewrite

#: What people leave at the root while they work on something else.
_STRAY = re.compile(
    r"^(?!.*requirements)((repro|issue|debug|scratch)\w*|bench(mark)?|tests?|tmp|temp|try|minimal|mwe|example|foo|[a-z0-9])"
    r"([\W_\d][\w. -]*)?\.(py|sh|cu|cc|cpp|ipynb|txt|json)$|.*repro[\w. -]*\.py$"
    r"|.*\.(log|out|err|orig|rej|patch|diff|ncu-rep|nsys-rep|tltrace|tar|gz|zip|csv|png|html|ipynb)$|^(core|nohup\.out)$|^[a-z]$",
    re.IGNORECASE,
)
#: A folder of the same, which lies at the root with everything in it.
_STRAY_FOLDER = re.compile(
    r"(repro|debug|scratch|tmp|temp|mwe|foo|logs?|out|outputs?|dumps?)([\W_\d].*)?", re.IGNORECASE
)
_PRODUCT = re.compile(
    r"(^|/)(build|dist|wheelhouse|__pycache__|\.cache|\.pytest_cache|\.ruff_cache|CMakeFiles|\.run_records|tmp|\.nox"
    r"|[^/]*\.egg-info|\.tilelang|\.ccache|node_modules|_build"
    r"|\.ipynb_checkpoints|\.vscode|\.idea)/"
    r"|(^|/)(install_manifest\.txt|CMakeCache\.txt|compile_commands\.json|\.git_commit\.txt|\.DS_Store|\.coverage|core\.\d+|uv\.lock)$"
    r"|\.(so|o|a|dylib|dll|obj|pyc|pyd|whl|cubin|fatbin|hsaco|ptx|sass|ncu-rep|nsys-rep|qdrep|sqlite|tltrace|prof)$"
    r"|\.(pt|pth|npy|npz|pkl|onnx|safetensors|orig|rej|sw[op])$|~$"
    r"|(^|/)\d{2,3}_[\w.]*(_before|_after)?\.tir$"
)
_DEFAULT_MAX_KB = 500
_BACK = ", where upstream had it before"

_ASF = re.compile(rb"Licensed to the Apache Software Foundation|www\.apache\.org/licenses/LICENSE-2\.0")
#: The comments a file begins with, of any language; what follows only speaks of a licence.
_HEAD = re.compile(
    rb"\A(?:\s+|#[^\n]*|//[^\n]*|/\*.*?\*/|<!--.*?-->|\"\"\".*?\"\"\"|\.\.[ \t][^\n]*|;[^\n]*)*", re.DOTALL
)
#: One comment as a header is written: a block, or lines on end.
_BLOCK = re.compile(rb"^/\*(?:(?!\*/).)*\*/[ \t]*\r?\n(?:[ \t]*\r?\n)?", re.DOTALL | re.MULTILINE)
_LINES = re.compile(rb"^(?:(?:#|//)[^\n]*\n)+(?:[ \t]*\r?\n)?", re.MULTILINE)
_LAST_OF_ASF = re.compile(rb"under the License\b")
_BARE = re.compile(rb"\s*(?:#|//)?\s*")


class NoReproAtRoot(Rule):
    id = "no-repro-at-root"
    title = "Nothing of the search for the fault lies at the root"
    why = "Reviewers ask for it to be taken out: reproducers belong into the issue, tests into testing/python."
    link = "https://github.com/tile-ai/tilelang/pull/2878"

    def check(self, facts: Facts) -> Answer:
        paths = [file.path for file in new_files(facts.change)]
        tops = dict.fromkeys(path.partition("/")[0] for path in paths if "/" in path)
        folders = [top for top in tops if not facts.change.has_at_base(top)]
        new = [*(path for path in paths if "/" not in path), *(f"{folder}/" for folder in folders)]
        if not new:
            return passed("no new file at the root")
        stray = [
            path for path in new if (_STRAY_FOLDER.fullmatch(path[:-1]) if path[-1] == "/" else _STRAY.match(path))
        ]
        if stray:
            return failed(
                "files of the search for the fault at the root",
                *stray,
                fix=f"git rm {'-r ' if any(path[-1] == '/' for path in stray) else ''}--cached -- "
                f"{' '.join(map(shlex.quote, stray))}, and move them out of the checkout",
            )
        return warned("new at the root of the repository", *new, fix="move them, unless a tool looks for them there")


class NoBuildProducts(Rule):
    id = "no-build-products"
    title = "Nothing that a tool made is added"
    why = "Libraries, caches and dumps make every clone larger for good."
    link = "https://github.com/tile-ai/tilelang/pull/2182"

    def check(self, facts: Facts) -> Answer:
        made = [file.path for file in facts.change.files if file.status == "added" and _PRODUCT.search(file.path)]
        if made:
            return failed(
                "files that tools make are added",
                *made,
                fix=f"git rm -r --cached -- {' '.join(map(shlex.quote, made[:5]))}",
            )
        return passed("none")


class NoLargeFiles(Rule):
    id = "no-large-files"
    title = "No added file is larger than upstream's hook takes"
    why = "A file once merged is in every clone for good."
    link = "https://github.com/tile-ai/tilelang/blob/main/.pre-commit-config.yaml"

    def check(self, facts: Facts) -> Answer:
        limit = self._limit(facts)
        large = []
        for file in facts.change.files:
            full = facts.change.root / file.path
            if file.status == "added" and full.is_file() and not full.is_symlink():
                size = math.ceil(full.stat().st_size / 1024)
                large += [f"{file.path}: {size:,} kB"] if size > limit else []
        if large:
            return failed(
                f"added files of more than {limit:,} kB", *large, fix="leave them out, or make them when a test runs"
            )
        return passed(f"none above {limit:,} kB")

    @staticmethod
    def _limit(facts: Facts) -> int:
        for argument in hook_settings(facts.change.root, "check-added-large-files").get("args", ()):
            if match := re.fullmatch(r"--maxkb=(\d+)", str(argument)):
                return int(match[1])
        return _DEFAULT_MAX_KB


class SubmoduleMoved(Rule):
    id = "submodule-moved"
    title = "No submodule moves by accident"
    why = "`git commit -a` takes along a submodule that lies elsewhere; 15 of upstream's last 500 commits meant it."
    link = "https://github.com/tile-ai/tilelang/pull/1869"
    _MEANT = re.compile(r"\b(submodules?|3rdparty|bump|upgrade|tvm(-ffi)?|cutlass|ck)\b", re.IGNORECASE)

    def check(self, facts: Facts) -> Answer:
        moved = list(gitlinks(facts.change))
        if not moved:
            return quiet("no submodule moves")
        back = self._back(facts, moved)
        places = [self._told(facts, path) for path in moved]
        if any(place.endswith(_BACK) for place in places):
            return failed(
                "a submodule moves back to where it was before", *places, fix=f"{back}, unless a revert is meant"
            )
        if self._is_meant(facts, moved):
            said = "a submodule moves: its commit must be on the main branch of its own repository first"
            return warned(said, *places, fix="name the pull request there in the description")
        said, fix = "a submodule moves, and nothing says why", f"{back}, or say it in the description"
        return failed(said, *places, fix=fix) if facts.draft else warned(said, *places, fix=fix)

    @staticmethod
    def _back(facts: Facts, moved: list[str]) -> str:
        """What puts them where they were; one that is new was nowhere."""
        new = [path for path in moved if not gitlink(facts.change, path, base=True)]
        old = [path for path in moved if path not in new]
        told = [f"git rm --cached -- {shlex.join(new)}"] if new else []
        told += [f"git checkout {facts.change.base[:12]} -- {shlex.join(old)}"] if old else []
        return " && ".join(told)

    def _is_meant(self, facts: Facts, moved: list[str]) -> bool:
        commits = (f"{commit.subject}\n{commit.body}" for commit in facts.change.commits)
        names = "|".join(re.escape(name(path)) for path in moved)
        spoken = re.search(rf"\b({names}|submodules?)\b", "\n".join((facts.body, *commits)), re.IGNORECASE)
        return bool(self._MEANT.search(facts.title) or spoken)

    @staticmethod
    def _told(facts: Facts, path: str) -> str:
        """From where to where; with a word behind where upstream had it there before."""
        before, now = gitlink(facts.change, path, base=True), gitlink(facts.change, path)
        log = git(
            "log", "-100", "--raw", "--no-abbrev", "--format=", facts.change.base, "--", path, at=facts.change.root
        )
        earlier = {line.split()[2] for line in log.splitlines() if line.startswith(":")}
        return f"{path}: {before[:12] or 'none'} to {now[:12] or 'none'}{_BACK if now in earlier else ''}"


class NoLicenceHeader(Rule):
    id = "no-licence-header"
    title = "New files have no licence header of another project"
    why = "TileLang is MIT; upstream has taken the Apache headers out of its own files."
    link = "https://github.com/tile-ai/tilelang/pull/3051"

    def check(self, facts: Facts) -> Answer:
        found = self._found(facts)
        if found:
            return failed(
                "new files with a header of the Apache Software Foundation",
                *(f"{path}:1" for path in found),
                fix="take it out, unless the file is copied from there: python -m scaffold preflight --fix",
            )
        return passed("none")

    def fix(self, facts: Facts) -> tuple[str, ...]:
        done = []
        for path in self._found(facts):
            data = facts.change.now(path) or b""
            mended = _without_licence(data)
            if mended != data:
                rewrite(facts, path, mended, expected=data)
                done.append(f"{path}: licence header taken out")
        return tuple(done)

    @staticmethod
    def _found(facts: Facts) -> list[str]:
        added = [
            file.path for file in facts.change.files if file.status == "added" and not is_folder(facts.change, file)
        ]
        return [path for path in added if _ASF.search(_head((text_of(facts.change, path) or "").encode()))]


def _head(data: bytes) -> bytes:
    """The comments at the top."""
    match = _HEAD.match(data[:8192])
    return match[0] if match else b""


def _without_licence(data: bytes) -> bytes:
    """The file without the header; the same where it is written in another way than headers are."""
    head = _head(data)
    for pattern, rest in ((_BLOCK, lambda _: b""), (_LINES, _other_lines)):
        match = next((found for found in pattern.finditer(head) if _ASF.search(found[0])), None)
        if match:
            return data[: match.start()] + rest(match[0]) + data[match.end() :]
    return data


def _other_lines(block: bytes) -> bytes:
    """Lines of a comment that are no part of the licence: what runs the file, its encoding, where it is from."""
    lines = block.splitlines(keepends=True)
    first = next(at for at, line in enumerate(lines) if _ASF.search(line))
    ends = [at for at, line in enumerate(lines) if at >= first and _LAST_OF_ASF.search(line)]
    paragraph = next((at for at, line in enumerate(lines) if at > first and _BARE.fullmatch(line)), len(lines))
    before, after = lines[:first], lines[ends[-1] + 1 if ends else paragraph :]
    while before and _BARE.fullmatch(before[-1]):
        before.pop()
    while after and _BARE.fullmatch(after[0]):
        after.pop(0)
    return b"".join((*before, *after))
