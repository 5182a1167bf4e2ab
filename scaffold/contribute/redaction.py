"""What is put into a pull request says nothing of the machine it was made on, and nothing that opens a door.

Paths, names and addresses are replaced by what they are (``~``, ``<user>``, ``<host>``), credentials by ``<token>`` and
the like. Commits, digests, kernels, targets and generated code stay as they are. Redacting twice changes nothing more.
"""

from __future__ import annotations

import getpass
import html
import json
import re
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

from scaffold.contribute.addresses import CLOUD_HOST, COMMON, EMAIL, HOMES, NUMBERS, Address
from scaffold.contribute.credentials import CREDENTIALS

_SHORTEST = 4
#: A number, and what GPUs, architectures and types are called: ``h100``, ``mi300x``, ``sm90``, ``gfx942``, ``fp16``.
_NUMBERED = r"\d+|(?:[abhlvt]|gb|gh|mi|rtx|sm|gfx|fp|bf|int)\d+[a-z]{0,2}"
#: What may stand right before a name although it ends in a letter: an escape of JSON, of a URL, of a terminal.
_BEFORE = (
    r"(?P<before>(?<![^\W_])|(?<=\\[nrtbf])|(?<=%[0-9A-Fa-f]{2})|(?<=\\u[0-9a-f]{4})"
    r"|(?<=\x1b\[[0-9]m)|(?<=\x1b\[[0-9]{2}m))"
)
#: What was taken out may part what stood in the way of something else; it never took more than three.
_MOST_ROUNDS = 8
#: Folders below which one is called after its user.
_PARENTS = r"(?:home|Users|scratch|nfs|storage|lustre|gpfs|data|work|mnt|media|run/media|var/home|export/home|mnt/\w+)"
#: Public on GitHub, whoever reads it: no name is replaced in it.
_PUBLIC = re.compile(
    r"((?:^|(?<=\\n)|(?<=\n))[ \t]*(?:Co-authored-by|Signed-off-by): (?:(?!\\n)[^\n])*"
    r"|(?<![\w.+\[\]-])[\w.+\[\]-]{1,80}@users\.noreply\.github\.com"
    r"|\b(?:github|githubusercontent)\.com[/:][^\s)\"'<>\\]*)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Redaction:
    """What was taken out: ``count`` times something of the form ``example_shape``, which never is the thing itself."""

    what: str
    count: int
    example_shape: str


def joined(redactions: Iterable[Redaction]) -> tuple[Redaction, ...]:
    """Those of several texts, each kind and form once."""
    counts: dict[tuple[str, str], int] = {}
    for item in redactions:
        counts[item.what, item.example_shape] = counts.get((item.what, item.example_shape), 0) + item.count
    return tuple(Redaction(what, count, shape) for (what, shape), count in counts.items())


def describe(redactions: Sequence[Redaction]) -> list[str]:
    """One line for each kind of thing that was taken out, without the thing."""
    return [f"{item.what}: {item.count} taken out, of the form {item.example_shape}" for item in redactions]


class _Tally:
    """Counts what is taken out, by kind and form."""

    def __init__(self) -> None:
        self.counts: dict[tuple[str, str], int] = {}

    def apply(self, text: str, rule: Address) -> str:
        def one(match: re.Match[str]) -> str:
            if rule.keep is not None and rule.keep(match):
                return match[0]
            first, last = (place - match.start() for place in match.span("secret"))
            new = match[0][:first] + rule.sign + match[0][last:]
            if new != match[0]:
                self.counts[rule.what, rule.shape] = self.counts.get((rule.what, rule.shape), 0) + 1
            return new

        return rule.pattern.sub(one, text)

    def all(self) -> tuple[Redaction, ...]:
        return tuple(Redaction(what, count, shape) for (what, shape), count in self.counts.items())


@dataclass(frozen=True)
class Redactor:
    """Takes out of a text what says where it was made.

    Attributes
    ----------
    home, workspace, checkout
        Folders, replaced by ``~``, ``$WORKSPACE`` and ``$TILELANG``; empty where there is none.
    user, host
        Names; the host with its domain, where it has one.
    also
        Further forms of these folders, and what stands for each.
    """

    home: str
    user: str
    host: str
    workspace: str = ""
    checkout: str = ""
    also: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of_this_machine(cls, workspace: Path | None = None, checkout: Path | None = None) -> Redactor:
        """One that knows this machine; nothing is asked over a network."""
        try:
            user = getpass.getuser()
        except (KeyError, OSError):
            user = ""
        home = Path("~").expanduser()
        given = ((home, "~"), (workspace, "$WORKSPACE"), (checkout, "$TILELANG"))
        also = tuple((str(path.resolve()), sign) for path, sign in given if path is not None)
        return cls(
            home=str(home),
            user=user,
            host=socket.gethostname(),
            workspace=str(workspace.absolute()) if workspace else "",
            checkout=str(checkout.absolute()) if checkout else "",
            also=also,
        )

    def redact(self, text: str) -> tuple[str, tuple[Redaction, ...]]:
        """``text`` without what says where it was made, and what was taken out."""
        tally = _Tally()
        for _ in range(_MOST_ROUNDS):
            before, text = text, self._once(text, tally)
            if text == before:
                break
        return text, tally.all()

    def _once(self, text: str, tally: _Tally) -> str:
        for rule in self._everywhere:
            text = tally.apply(text, rule)
        parts = _PUBLIC.split(text)
        for rule in self._names:
            parts[::2] = [tally.apply(part, rule) for part in parts[::2]]
        return "".join(parts)

    @cached_property
    def _everywhere(self) -> tuple[Address, ...]:
        """Credentials first: a path inside one must not break its form. Then folders, the longest first."""
        secrets = [Address(item.what, item.pattern, item.sign, item.shape) for item in CREDENTIALS]
        folders = [(self.checkout, "$TILELANG"), (self.workspace, "$WORKSPACE"), (self.home, "~"), *self.also]
        given = sorted({(path.rstrip("/\\"), sign) for path, sign in folders}, key=lambda item: -len(item[0]))
        paths = [self._folder(path, sign) for path, sign in given if len(re.findall(r"[^/\\]+", path)) > 0]
        return (*secrets, *paths, *HOMES)

    def _folder(self, path: str, sign: str) -> Address:
        """A folder in every way it may be written; one that no name stands in only where a path begins."""
        windows = bool(re.match(r"[A-Za-z]:", path))
        forms = "|".join(re.escape(form) for form in sorted(_written(path), key=len, reverse=True))
        named = any(name in path for name in self._own_words)
        begins = "" if named else r"(?<![\w.~}/\\])(?:-[A-Za-z]+=?)??(?:file://(?:localhost)?)?"
        what = {"~": "home folder", "$WORKSPACE": "workspace", "$TILELANG": "checkout"}.get(sign, "folder")
        pattern = re.compile(
            rf"{begins}(?P<secret>{forms})(?![\w-]|\.\w|%(?!2[Ff]|5[Cc])[0-9A-Fa-f])", re.IGNORECASE if windows else 0
        )
        return Address(what, pattern, sign, f"a path, now {sign}")

    @cached_property
    def _own_words(self) -> tuple[str, ...]:
        """Names of the user that are words of nothing else, the longest first."""
        names = {self.user, re.split(r"[/\\]", self.home.rstrip("/\\"))[-1]}
        return tuple(sorted((name for name in names if _is_telling(name)), key=len, reverse=True))

    @cached_property
    def _names(self) -> tuple[Address, ...]:
        return (EMAIL, *self._users_at(), CLOUD_HOST, *self._hosts(), *self._users(), *NUMBERS)

    def _users_at(self) -> Iterator[Address]:
        """``user@host``, and ``user@any.host:path`` as ssh and prompts write it."""
        if self.user:
            short = re.escape(self.host.partition(".")[0]) or r"\b\B"
            pattern = rf"{_BEFORE}(?P<secret>{re.escape(self.user)})(?=@(?:{short}\b|[\w.-]*\w:[~/]))"
            yield Address("user name", re.compile(pattern), "<user>", "NAME@host")

    def _hosts(self) -> Iterator[Address]:
        short, _, domain = self.host.partition(".")
        if _is_telling(short):
            pattern = rf"(?<![\w.-]){re.escape(short)}(?:\.[\w-]+)*(?![\w-])"
            wide = rf"(?:{_BEFORE}|(?<=-)){re.escape(short)}(?![^\W_])"
            yield _host(pattern)
            yield _host(wide)
        if domain and domain not in ("local", "localdomain", "internal", "lan", "home", "github.com"):
            yield _host(rf"(?<![\w.-])(?:[\w-]+\.)*{re.escape(domain)}(?![\w-])")
        if short:
            yield _host(rf"(?<=@){re.escape(short)}(?:\.[\w-]+)*(?![\w-])", after="<user>")

    def _users(self) -> Iterator[Address]:
        for name in self._own_words:
            yield _user(rf"{_BEFORE}(?P<secret>{re.escape(name)})(?![^\W_])")
            yield _user(rf"(?:home|Users)(?:\\*/|\\+|%2[Ff]|%5[Cc])(?P<secret>{re.escape(name)})")
        for name in {self.user} - {"", *self._own_words}:
            yield _user(rf"(?<![\w.])/{_PARENTS}/(?P<secret>{re.escape(name)})(?![\w-])")
            yield _user(rf"\bpytest-of-(?P<secret>{re.escape(name)})(?![\w-])")


def _user(pattern: str) -> Address:
    return Address("user name", re.compile(pattern), "<user>", "a name")


def _host(pattern: str, *, after: str = "") -> Address:
    """A host, of which ``pattern`` matches the whole; ``after`` is what must stand before its ``@``."""

    def keep(match: re.Match[str]) -> bool:
        return bool(after) and not match.string[: match.start() - 1].endswith(after)

    whole = re.compile(f"(?P<secret>{pattern})", re.IGNORECASE)
    return Address("host name", whole, "<host>", "a name", keep if after else None)


def _is_telling(name: str) -> bool:
    return len(name) >= _SHORTEST and name.lower() not in COMMON and not re.fullmatch(_NUMBERED, name.lower())


def _written(path: str) -> set[str]:
    """``path`` as it is, and as JSON, a URL, a shell, HTML and Python write it."""
    ways: tuple[Callable[[str], str], ...] = (
        str,
        lambda text: json.dumps(text)[1:-1],
        lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
        lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
        quote,
        lambda text: quote(text, safe=""),
        lambda text: re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), quote(text, safe="")),
        lambda text: text.replace(" ", "\\ "),
        html.escape,
        lambda text: ascii(text)[1:-1],
        lambda text: text.replace("\\", "/"),
    )
    return {way(path) for way in ways}
