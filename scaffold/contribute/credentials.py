"""What keys, tokens and passwords look like, in any text.

A pattern's group ``secret`` is what is taken out; what stands around it, the name of a variable say, stays.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Credential:
    """One form of credential.

    ``sure`` says that the form alone tells: it is nothing else, wherever it stands. The others are told by the words
    before them.
    """

    what: str
    pattern: re.Pattern[str]
    sign: str
    shape: str
    sure: bool = True


#: Escapes of JSON, of a URL and of a terminal end in a letter, and are none of what follows.
_BEGINS = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrtbf])|(?<=%[0-9A-Fa-f]{2})|(?<=\\u[0-9a-f]{4})|(?<=[0-9]m))"


def _form(what: str, pattern: str, shape: str) -> Credential:
    """A token by its form; letters right before it, but those of an escape, make it part of something else."""
    return Credential(what, re.compile(rf"{_BEGINS}(?P<secret>{pattern})"), "<token>", shape)


_KEY_BLOCK = r"PRIVATE KEY(?: BLOCK)?-----"
#: No secret: a variable's name, a placeholder, what was taken out already, a word of a language.
_REFERENCE = r"(?![$<{(*\[]|%[A-Za-z]|(?:true|false|none|null)\b)"
_QUOTED = r"(?P<quote>\\?[\"'])(?P<secret>{value})(?=(?P=quote))"
#: Up to white space or a quote; a bracket or a comma may be part of a password.
_BARE = r"(?P<secret>{value})"
_SECRET_WORDS = r"(?:KEY|TOKEN|PASSWORD|PASSWD|PASSPHRASE|SECRET|CREDENTIALS?|PAT)"
#: Lower-case names that hold a secret and nothing else; ``token`` and ``key`` alone are words of kernels.
_LOWER = (
    r"(?:(?:api|access|auth|secret|private|client|refresh|bearer|session)[_-]?(?:key|token|secret)"
    r"|password|passwd|passphrase)"
)
_SIGNED = r"(?:token|key|sig|signature|auth|password|x-amz-signature|x-amz-credential|x-amz-security-token)"


def _after(what: str, before: str, *, value: str, bare: str, flags: re.RegexFlag | int = 0) -> tuple[Credential, ...]:
    """What stands behind a name and a sign of assignment: in quotes, or up to white space."""
    return tuple(
        Credential(what, re.compile(f"{before}{form}", flags), "<secret>", "NAME=…", sure=False)
        for form in (
            _QUOTED.format(value=rf"{_REFERENCE}{value}"),
            _BARE.format(value=rf"{_REFERENCE}{bare}"),
        )
    )


CREDENTIALS: tuple[Credential, ...] = (
    Credential(
        "private key",
        re.compile(
            rf"(?P<secret>-----BEGIN (?:[A-Z0-9]+ )*{_KEY_BLOCK}"
            rf"(?:(?:(?!-----BEGIN ).)*?-----END (?:[A-Z0-9]+ )*{_KEY_BLOCK}"
            r"|(?:(?:\s|\\n|[>|#])*[A-Za-z0-9+/=]{16,})*))",
            re.DOTALL,
        ),
        "<private key>",
        "-----BEGIN … PRIVATE KEY-----",
    ),
    _form("JSON web token", r"eyJ[A-Za-z0-9_-]{6,}\.eyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*", "eyJ….eyJ….…"),
    _form("GitHub token", r"gh[pousr]_[A-Za-z0-9]{16,}", "gh?_…"),
    _form("GitHub token", r"github_pat_[A-Za-z0-9_]{20,}", "github_pat_…"),
    _form("GitLab token", r"gl(?:pat|ptt|dt|cbt|rt|soat)-[A-Za-z0-9_.-]{16,}", "glpat-…"),
    _form("AWS key", r"(?:AKIA|ASIA)[0-9A-Z]{16}", "AKIA…"),
    _form("Hugging Face token", r"(?:hf|api_org)_[A-Za-z0-9]{20,}", "hf_…"),
    _form("API key", r"sk-(?=[A-Za-z0-9_-]*[0-9])[A-Za-z0-9_-]{20,}", "sk-…"),
    _form("NVIDIA key", r"nvapi-[A-Za-z0-9_-]{20,}", "nvapi-…"),
    _form("Slack token", r"xox[abeprs]-[A-Za-z0-9-]{10,}", "xox?-…"),
    _form("package index token", r"(?:pypi-[A-Za-z0-9_-]{20,}|npm_[A-Za-z0-9]{30,})", "pypi-…"),
    _form("Google key", r"AIza[0-9A-Za-z_-]{35}", "AIza…"),
    Credential(
        "authorization header",
        re.compile(
            r"(?i:\b(?:proxy-)?authorization\b\\?[\"']?[ \t]*[:=][ \t]*\\?[\"']?"
            r"(?P<way>(?:bearer|basic|token|digest)[ \t]+)?)"
            rf"(?P<secret>{_REFERENCE}(?!(?i:bearer|basic|token|digest)\b)(?(way)|(?=[^\s\"'\\]*\d))[^\s\"'\\]{{4,}})"
        ),
        "<secret>",
        "Authorization: …",
    ),
    Credential(
        "bearer token",
        re.compile(rf"\b[Bb]earer\s+(?P<secret>{_REFERENCE}(?=[^\s\"'\\]*\d)[A-Za-z0-9._~+/=-]{{16,}})"),
        "<secret>",
        "Bearer …",
    ),
    Credential(
        "password in a URL",
        re.compile(
            r"(?<=[A-Za-z0-9]):(?:\\?/){2}(?!git@)(?P<secret>(?![<$*{])[^\s/?#\"'<>`\\]*[^\s/?#\"'<>`\\$}])(?=@[\w\[])"
        ),
        "<credentials>",
        "https://…@host",
    ),
    *_after(
        "value of a secret variable",
        rf"(?<![A-Za-z0-9$_])(?:[A-Z][A-Z0-9]*_)+{_SECRET_WORDS}(?:_[A-Z0-9]+)?\\?[\"']?"
        r"(?P<tight>=(?! ))?(?(tight)|[ \t]*[:=][ \t]*)",
        value=r"(?!\d{1,6}(?=\\?[\"']))[^\n]+?",
        bare=r"(?!\d{1,6}\b)(?(tight)|(?=[^\s\"'\\`]*\d)(?![^\s\"'\\`]*[\[(]))[^\s\"'\\`]+",
    ),
    *_after(
        "value of a secret variable",
        rf"(?<![A-Za-z0-9$_.-]){_SECRET_WORDS}=",
        value=r"(?!\d{1,6}(?=\\?[\"']))[^\n]+?",
        bare=r"(?!\d{1,6}\b)[^\s\"'\\`=][^\s\"'\\`]*",
    ),
    *_after(
        "password",
        rf"(?<![A-Za-z0-9$_.]){_LOWER}\\?[\"']?[ \t]*[:=][ \t]*",
        value=r"[^\n]{4,}?",
        bare=r"(?=[^\s\"'\\`]*[\d!#%&*+/^~-])[^\s\"'\\`=(){}\[\]][^\s\"'\\`]{5,}",
        flags=re.IGNORECASE,
    ),
    Credential(
        "signature in a URL",
        re.compile(rf"[?&](?i:{_SIGNED})=(?P<secret>{_REFERENCE}[^\s&\"'<>\\`)]{{6,}})"),
        "<secret>",
        "?token=…",
    ),
)


#: What documentation writes in place of one, with the form of the real thing.
_EXAMPLE = re.compile(
    r"(?:AKIA|ASIA)[0-9A-Z]*EXAMPLE|(?:user|username|name|me):(?:pass|password|passwd|secret|token)", re.I
)


def credentials_in(text: str) -> tuple[str, ...]:
    """What ``text`` holds that is a credential by its form alone, each kind once; an example is none."""
    sure = (item for item in CREDENTIALS if item.sure)
    found = (item.what for item in sure if any(map(_is_real, item.pattern.finditer(text))))
    return tuple(dict.fromkeys(found))


def _is_real(match: re.Match[str]) -> bool:
    return not _EXAMPLE.fullmatch(match["secret"])
