"""What must not be published: keys, tokens, passwords, and names of people and machines."""

from __future__ import annotations

import re
from collections.abc import Iterator

from scaffold.contribute.addresses import HOMES
from scaffold.contribute.credentials import credentials_in
from scaffold.contribute.opening import leaks
from scaffold.contribute.preflight.model import Answer, Facts, Rule, failed, passed, warned
from scaffold.contribute.preflight.reading import added_lines
from scaffold.contribute.redaction import Redactor

#: Folders of nobody, as documentation writes them.
_NOBODY = re.compile(
    r"users?|username|name|you|your[\w-]*|me|runner|ubuntu|root|foo|bar|fake|alice|bob|x{3,}|path|dev|docker|vscode|conda"
    r"|linuxbrew|circleci|jenkins|github|gitlab|buildkite|travis|actions|jovyan|coder|codespace|admin|test(?:er)?"
)
#: A host, and no attribute of an object.
_INTERNAL = re.compile(
    r"(?<![\w.])(?!(?:self|cls|tl|tvm|torch|tilelang|ctx|cfg|config)\.)(?:(?!example\.)[A-Za-z0-9-]+\.){2,}"
    r"(?:internal|corp|intranet|lan)\b(?!\s*[(=\[]|[.\w])"
)
#: What of a redaction counts in code, where numbers with dots and addresses of authors mean something.
_OURS = ("user name", "host name")


class NoSecrets(Rule):
    id = "no-secrets"
    title = "No key, password or name of a machine is published"
    why = "What was pushed once is copied within minutes; taking it out of the branch does not help."
    link = "https://docs.github.com/en/code-security/secret-scanning/introduction/about-secret-scanning"

    def check(self, facts: Facts) -> Answer:
        secrets, personal = [], []
        redactor = Redactor.of_this_machine()
        for where, line in _texts(facts, redactor):
            secrets += [f"{where}: {what}" for what in credentials_in(line)]
            personal += [f"{where}: {what}" for what in _personal(line, redactor)]
        secrets += leaks(facts.change)
        if secrets:
            fix = "take them out of every commit, and revoke them if they were pushed"
            return failed("secrets would be published", *secrets, *personal, fix=fix)
        if personal:
            fix = "write a path or name that is nobody's"
            return warned("names of people or machines would be published", *personal, fix=fix)
        return passed("none in the commits, the title and the description")


def _texts(facts: Facts, redactor: Redactor) -> Iterator[tuple[str, str]]:
    """Every line that would be published, with its place."""
    change = facts.change
    for path in change.present:
        lines = list(added_lines(change, path))
        if _is_suspicious("\n".join(line for _, line in lines), redactor):
            yield from ((f"{path}:{number}", line) for number, line in lines)
        yield "the name of a file", path
        if (change.root / path).is_symlink():
            yield f"{path}, where it points to", str((change.root / path).readlink())
    body = facts.draft.body.name if facts.draft else "body"
    yield "title", facts.title
    yield from ((f"{body}:{number}", line) for number, line in enumerate(facts.body.splitlines(), start=1))
    for commit in change.commits:
        yield from ((f"commit {commit.sha[:9]}", line) for line in (commit.subject, *commit.body.splitlines()))


def _is_suspicious(text: str, redactor: Redactor) -> bool:
    """Whether it is worth looking line by line."""
    return bool(credentials_in(text) or next(_personal(text, redactor), ""))


def _personal(line: str, redactor: Redactor) -> Iterator[str]:
    for form in HOMES:
        for match in form.pattern.finditer(line):
            if not _NOBODY.fullmatch(match["secret"].lower()):
                yield f"a home folder, {match[0]}"
    if host := _INTERNAL.search(line):
        yield f"a host of a private network, {host[0]}"
    yield from (f"a {item.what} of this machine" for item in redactor.redact(line)[1] if item.what in _OURS)
