"""Hugging Face, or a mirror of it: which files a repository holds, and how to ask for them.

``HF_ENDPOINT`` names a mirror; where the token comes from says :mod:`paddock.browser.hub_token`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import msgspec

from paddock.sdk.errors import AccessDenied, BadRequest, ModelNotFound, PaddockError, RemoteFailed
from paddock.sdk.version import VERSION

if TYPE_CHECKING:
    import httpx2
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import ModelInfo

ENDPOINT = "https://huggingface.co"
_ANSWER_S = 15.0
_CONNECT_S = 5.0
_LONGEST = 16 * 1024 * 1024
"""Bytes of one answer."""
_BAD_TOKEN = "Invalid credentials in Authorization header"
"""What the hub says of a token that it does not know."""
_GIVE_TOKEN = "give Paddock a token of your account: in Settings under Hugging Face, by “paddock login”, or in HF_TOKEN"
_RESET = re.compile(r"\bt=(\d+)")
"""Seconds until a rate limit is over, as the hub's RateLimit header says them."""
_PAGE = re.compile(r"(.*?)(?:/api/models)?(/[^/]+/[^/]+)(?:/(?:resolve|revision|tree|auth-check)(?:/.*)?)?$")
"""What comes before the interface (of a mirror with a path), and the repository, in the path of a question."""
_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True)
class HubFile:
    """``path`` inside the repository; ``size`` in bytes; ``sha256`` of its content, empty where the hub does not say it
    (small files)."""

    path: str
    size: int
    sha256: str = ""


@dataclass(frozen=True)
class Listing:
    """A repository at one ``revision`` (a commit, so what it holds never changes). ``mlx``: its publisher says that it
    is for MLX."""

    repo: str
    revision: str
    files: tuple[HubFile, ...]
    mlx: bool = False


@dataclass(frozen=True)
class Answered:
    """What came back, and the address of the next page."""

    body: bytes
    next_url: str


class Hub:
    """The hub at ``endpoint``, asked with ``token`` where there is one."""

    def __init__(self, endpoint: str = ENDPOINT, token: str | None = None) -> None:
        self.endpoint = endpoint.rstrip("/")
        self._token = token

    @classmethod
    def of_this_user(cls) -> Hub:
        """From the environment, the keyring and the login; blocks (asks the keyring, imports huggingface_hub)."""
        from paddock.browser.hub_token import HubAccess

        return HubAccess.of_this_user().hub()

    @property
    def host(self) -> str:
        return urlsplit(self.endpoint).hostname or self.endpoint

    @property
    def has_token(self) -> bool:
        return bool(self._token)

    def url(self, repo: str, revision: str, path: str) -> str:
        return f"{self.endpoint}/{repo}/resolve/{quote(revision, safe='')}/{quote(path)}"

    def headers_for(self, url: str) -> Mapping[str, str]:
        """What a request of ``url`` carries: the token, for the hub alone."""
        own = urlsplit(url)[:2] == urlsplit(self.endpoint)[:2]
        return {"Authorization": f"Bearer {self._token}"} if own and self._token else {}

    def files(self, repo: str, revision: str | None = None) -> Listing:
        """What ``repo`` holds; blocks and raises as :meth:`info`."""
        return listing_of(self.info(repo, revision))

    def info(self, repo: str, revision: str | None = None) -> ModelInfo:
        """What the hub knows of ``repo``, with the size and the SHA-256 of each file; blocks for up to 15 s.

        Raises BadRequest, ModelNotFound, AccessDenied, RemoteFailed (``passing`` in its details where trying again
        may help).
        """
        with self.asking(repo) as api:
            return api.model_info(repo, revision=revision, files_metadata=True, timeout=_ANSWER_S)

    def get(self, path: str, what: str, params: Mapping[str, Any] | None = None) -> Answered:
        """``path`` of the hub's interface, asked for ``what``; blocks and raises as :meth:`info`."""
        import httpx2
        from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

        headers = build_hf_headers(token=self._token or False, library_name="paddock", library_version=VERSION)
        timeout = httpx2.Timeout(_ANSWER_S, connect=_CONNECT_S)
        asked = get_session().stream(
            "GET", self.endpoint + path, params=params, headers=headers, timeout=timeout, follow_redirects=True
        )
        with self.asking(what), asked as answer:
            body = bytearray()
            for piece in answer.iter_bytes():
                body += piece
                if len(body) > _LONGEST:
                    raise RemoteFailed(f"{self.host} answers with far more than {what}.", hint="Check HF_ENDPOINT.")
            hf_raise_for_status(answer)
            return Answered(bytes(body), answer.links.get("next", {}).get("url", ""))

    def whoami(self) -> str:
        """The name of the account that the token belongs to; blocks. Raises AccessDenied for a token that is not
        accepted, RemoteFailed."""
        try:
            answer = self.get("/api/whoami-v2", "the name of the account")
            name = msgspec.json.decode(answer.body).get("name")
        except AccessDenied as error:
            raise rejected_token(self.host) from error
        except ModelNotFound as error:
            raise lacking(self.host, "accounts", "What is public there needs no token.") from error
        except (msgspec.DecodeError, AttributeError, UnicodeDecodeError) as error:
            raise unreachable(self.endpoint, error) from error
        return str(name)

    @contextmanager
    def asking(self, what: str) -> Iterator[HfApi]:
        """The official client of this hub; what it raises while it asks for ``what`` becomes a PaddockError."""
        import httpx2
        from huggingface_hub import HfApi
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled

        try:
            yield HfApi(endpoint=self.endpoint, token=self._token or False, library_name="paddock")
        except HFValidationError as error:
            raise BadRequest(f"“{what}” cannot be the name of a repository.", hint="Names are OWNER/REPO.") from error
        except OfflineModeIsEnabled as error:
            raise RemoteFailed(
                "Hugging Face is not asked: the environment says offline (HF_HUB_OFFLINE).",
                hint="Unset the variable.",
                offline=True,
            ) from error
        except HfHubHTTPError as error:
            raise refusal(error.response, what, bool(self._token)) from error
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:  # ValueError: an answer that is no JSON
            raise unreachable(self.endpoint, error) from error


def listing_of(info: ModelInfo) -> Listing:
    """Its files, at the revision that it tells."""
    files = (
        HubFile(file.rfilename, file.size or 0, file.lfs.sha256 if file.lfs else "") for file in info.siblings or ()
    )
    return Listing(info.id, info.sha or "main", tuple(files), mlx="mlx" in (info.tags or ()))


def refusal(response: httpx2.Response, what: str, with_token: bool) -> PaddockError:
    """What the answer to a question about ``what`` (a repository, a file) means; its status is no success."""
    status, host = response.status_code, response.url.host
    site = f"{response.url.scheme}://{response.url.netloc.decode()}"
    code = response.headers.get("X-Error-Code", "")
    if response.headers.get("X-Error-Message") == _BAD_TOKEN:
        return rejected_token(host)
    if code == "GatedRepo":
        page = _PAGE.sub(r"\1\2", response.url.path)
        after = "with the account of your token" if with_token else f"then {_GIVE_TOKEN}"
        return AccessDenied(
            f"{what} is gated: its publisher wants to be asked first.",
            hint=f"Ask for access at {site}{page}, {after}.",
            gated=True,
        )
    if status in (404, 410) or code in ("RepoNotFound", "EntryNotFound", "RevisionNotFound"):
        return ModelNotFound(f"There is no {what} at {host}.", hint=f"Check the name. For a private one {_GIVE_TOKEN}.")
    if status in (401, 403):
        hint = "Check that your token may read it." if with_token else f"For a private one {_GIVE_TOKEN}."
        return AccessDenied(f"{host} does not give {what}: it does not exist or is not public.", hint=hint)
    if status in _RETRIED:
        hint = "Try again in a few minutes."
        asked = "is asked too often" if status == 429 else "has a fault"
        wait = response.headers.get("Retry-After") or "".join(_RESET.findall(response.headers.get("RateLimit", "")))
        return RemoteFailed(
            f"{host} {asked} (status {status}).",
            hint=hint,
            passing=True,
            status=status,
            retry_after_s=int(wait) if wait.isdecimal() and len(wait) < 6 else None,
        )
    return RemoteFailed(f"{host} does not give {what} (status {status}).", hint="Check the address.", status=status)


def lacking(host: str, what: str, hint: str) -> RemoteFailed:
    """For a part of the hub's interface that a mirror does not have."""
    return RemoteFailed(f"{host} has no {what}: it may be a mirror that passes on files only.", hint=hint)


def rejected_token(host: str) -> AccessDenied:
    """For a token that is wrong, has expired or was revoked."""
    return AccessDenied(
        f"{host} does not accept the token: it is wrong, has expired or was revoked.",
        hint=f"Make a new one at {host}/settings/tokens and give it in Settings under Hugging Face, or by “paddock"
        " login”; “paddock logout” goes on without one.",
        bad_token=True,
    )


def unreachable(url: str, error: Exception) -> RemoteFailed:
    """For a connection that failed, was silent, or spoke something else."""
    import httpx2

    host = urlsplit(url).hostname or url
    hint = "Check the connection, and the proxy if there is one."
    if isinstance(error, httpx2.TimeoutException):
        return RemoteFailed(f"{host} does not answer in time.", hint=hint, passing=True)
    if isinstance(error, httpx2.TooManyRedirects):
        return RemoteFailed(f"{host} sends from one address to the next without end.", hint="Check the address.")
    if isinstance(error, httpx2.UnsupportedProtocol):
        return RemoteFailed(f"{host} leads to an address that is not of the web.", hint="Check the address.")
    return RemoteFailed(f"{host} cannot be reached, or the connection broke.", hint=hint, passing=True)
