"""HTTP as pip would do it: its certificates, the proxies of the environment, credentials in a URL."""

from __future__ import annotations

import base64
import ssl
import urllib.error
import urllib.request
from http.client import HTTPResponse
from typing import cast
from urllib.parse import unquote, urlsplit, urlunsplit

from scaffold.errors import EnvironmentProblem

#: Seconds without a byte after which a connection counts as dead.
STALL_SECONDS = 60.0


def open_url(url: str, *, headers: dict[str, str] | None = None, certificate: str | None = None) -> HTTPResponse:
    """Open ``url``.

    Raises
    ------
    urllib.error.HTTPError
        If the server refuses.
    EnvironmentProblem
        If no server answers, or it cannot be trusted.
    """
    plain, authorization = _split_credentials(url)
    request = urllib.request.Request(plain, headers={"User-Agent": "tilelang-scaffold", **(headers or {})})
    if authorization:
        request.add_unredirected_header("Authorization", authorization)
    try:
        context = ssl.create_default_context(cafile=certificate) if certificate else ssl.create_default_context()
        return cast("HTTPResponse", urllib.request.urlopen(request, timeout=STALL_SECONDS, context=context))
    except urllib.error.HTTPError as error:
        error.close()  # its code and reason stay
        raise
    except (urllib.error.URLError, OSError) as error:
        raise unreachable(plain, error) from error


def unreachable(url: str, error: Exception) -> EnvironmentProblem:
    """The error for a server that does not answer, by its cause."""
    reason = getattr(error, "reason", error)
    if isinstance(reason, ssl.SSLCertVerificationError):
        hint = "name your certificates as pip does: PIP_CERT=FILE, or pip config set global.cert FILE"
    elif isinstance(reason, FileNotFoundError) and not url.startswith("file:"):
        hint = "the certificate file that PIP_CERT or pip's configuration names is not there"
    else:
        hint = "check the network, HTTPS_PROXY, and pip's index: python -m pip config list"
    return EnvironmentProblem(f"cannot reach {urlsplit(url).netloc or url}: {reason}", hint=hint)


def _split_credentials(url: str) -> tuple[str, str | None]:
    """The URL without its ``user:password@``, and what they say as a header."""
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return url, None
    userinfo, _, host = parts.netloc.rpartition("@")
    encoded = base64.b64encode(unquote(userinfo).encode()).decode()
    return urlunsplit(parts._replace(netloc=host)), f"Basic {encoded}"


def without_credentials(url: str) -> str:
    """``url`` as it may be shown."""
    return _split_credentials(url)[0]
