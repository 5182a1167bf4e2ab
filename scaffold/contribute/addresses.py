"""What names a person, a machine or a network in any text, whoever's it is: patterns that no fact of a machine enters.

A pattern's group ``secret`` is what is taken out; what stands around it stays.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Address:
    """One form of address; ``keep`` says of a match that it is none after all."""

    what: str
    pattern: re.Pattern[str]
    sign: str
    shape: str
    keep: Callable[[re.Match[str]], bool] | None = None


_WORDS = """
root user users username name admin administrator ubuntu debian fedora centos alpine arch linux docker podman vscode
codespace gitpod coder runner runneradmin jenkins gitlab github actions build builder devel developer test tester guest
nobody nobodys default home work worker workspace data main master local localhost localdomain host hostname machine
server node cluster login compute cuda rocm metal nvidia intel token secret credentials email serial tilelang tvmscript
torch python conda mamba jovyan jupyter spark hadoop slurm kernel kernels gemm copy tile tiles warp warps thread threads
block blocks grid stage stages pass passes trace bench profile report source target baseline candidate shape float half
bfloat bool char void const auto size index scale store load async sync shared global private mask mark will grace rose
bill frank hopper ampere blackwell volta turing launch fragment buffer layout region vector matrix
"""
#: Names that tell nothing, or are words of kernels, reports and signs: replaced where only a name can stand.
COMMON = frozenset(_WORDS.split())
_NAME = r"(?P<secret>\w(?:[\w.+-]*\w)?)"
#: Folders of a home, as a path, as JSON, as a URL writes it; and those of Windows.
_HOMES = (
    rf"(?<![\w./%])(?:-[A-Za-z]+=?)?(?:file://(?:localhost)?)?(?:/[\w.+-]+)*?/(?:home|Users)/{_NAME}",
    rf"\\/(?:home|Users)\\/{_NAME}",
    r"%2[Ff](?:home|Users)%2[Ff](?P<secret>[\w.-]+)",
    (
        r"\b[A-Za-z](?::|%3[Aa])(?P<way>\\{1,4}|/|%5[Cc])Users(?P=way)"
        r"(?P<secret>[^\\/:*?\"<>|%\s][^\\/:*?\"<>|%\r\n]*?(?=\\)|[^\\/:*?\"<>|%\s]+)"
    ),
)
#: Ends of names of files, and of attributes, that are countries' domains too.
_NO_DOMAIN = r"(?:py|so|md|rs|sh|cc|pl|ps|to|at|la)"
#: A matrix product (``q@k.transpose(0, 1)``), a decorator and ``git@host:path`` are none.
_EMAIL = (
    rf"(?<![\w.+-])(?!git@)(?P<secret>[A-Za-z0-9][\w.+-]*@(?:[A-Za-z0-9-]+\.)+(?!{_NO_DOMAIN}\b)"
    r"(?:[a-z]{2}|com|org|net|edu|gov|mil|int|info|biz|dev|xyz|tech|cloud|email|online|corp|local|internal|example))"
    r"(?![\w(\[]|\.\w|-\w)"
)
_IPV4 = r"(?<![\w.+-])(?P<secret>(?!127\.|0\.0\.0\.0\b|255\.)\d{1,3}(?:\.\d{1,3}){3})(?!\w|\.\d|-[A-Za-z]|\+[A-Za-z])"
#: What stands before a version of four parts: ``==``, ``v``, or the name of what has such versions.
_PACKAGE = r"(?:nvidia|cuda?|cu[a-z]+|lib|nv[a-z]+|npp|nccl|rocm|hip|torch|driver|nsight|ncu|gcc|tilelang|tvm|python)"
_VERSION = re.compile(
    rf"(?:(?<![\w-])v|[=<>~!^]=\s*|(?i:(?<![a-z])(?:versions?|releases?|{_PACKAGE}[\w.+-]*))[\s:|`'\"(,=@*_]*)$"
)
#: ``A[2048::2]`` is a slice, ``2026:10:11:12`` a time.
_IPV6 = (
    r"(?<![\w:.])(?P<secret>(?:(?:fe80|f[cd][0-9a-f]{2}):|2[0-9a-f]{3}:(?=[0-9a-f]{1,4}:))"
    r"(?=[0-9a-f:]{0,34}::|:[0-9a-f]|(?:[0-9a-f]{1,4}:){4})[0-9a-f:]{2,35}(?<=[0-9a-f]))(?![\w:(<])"
)
_MAC = r"(?<![\w:])(?P<secret>[0-9a-fA-F]{2}(?::[0-9a-fA-F]{2}){5})(?![\w:])"
_CLOUD_HOST = r"(?<![\w.-])(?P<secret>ip-\d{1,3}(?:-\d{1,3}){3}(?:\.[\w-]+)*)(?![\w-])"
_UUID = r"\b(?P<secret>(?:GPU|MIG)-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b"
_SERIAL = (
    r"(?i:\bserial(?:[ _-]?(?:number|no\.?))?\\?[\"']?\s*[:=>|]\s*\\?[\"']?)"
    r"(?P<secret>(?=[A-Z-]*\d)[A-Z0-9][A-Z0-9-]{5,})\b"
)


def _is_version(match: re.Match[str]) -> bool:
    before = match.string[max(0, match.start("secret") - 60) : match.start("secret")]
    return bool(_VERSION.search(before)) or any(int(part) > 255 for part in match["secret"].split("."))


HOMES = tuple(Address("home folder of a user", re.compile(form), "<user>", "/home/…") for form in _HOMES)
EMAIL = Address("e-mail address", re.compile(_EMAIL), "<email>", "…@….…")
NUMBERS = (
    Address("network card", re.compile(_MAC), "<mac>", "xx:xx:xx:xx:xx:xx"),
    Address("IP address", re.compile(_IPV4), "<ip>", "n.n.n.n", keep=_is_version),
    Address("IP address", re.compile(_IPV6), "<ip>", "x:x:…:x"),
    Address("GPU's identity", re.compile(_UUID), "<gpu>", "GPU-xxxxxxxx-…"),
    Address("serial number", re.compile(_SERIAL), "<serial>", "Serial Number: …"),
)
CLOUD_HOST = Address("host name", re.compile(_CLOUD_HOST), "<host>", "ip-n-n-n-n")
