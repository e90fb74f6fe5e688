"""What an object store refuses: what may pass by itself, and what a user has to mend."""

from __future__ import annotations

import errno
from pathlib import Path

from bt_augment.errors import StorageError

_TRANSIENT_ERRNOS = frozenset(
    {
        errno.EBUSY,  # s3fs: 503 SlowDown, ServiceUnavailable; 409
        getattr(errno, "EREMOTEIO", errno.EIO),  # s3fs: 500 InternalError
        errno.EIO,  # s3fs: a code it does not know, such as a gateway's
        errno.ECONNABORTED,
        errno.ECONNREFUSED,
        errno.ECONNRESET,
        errno.EHOSTUNREACH,
        errno.ENETUNREACH,
        errno.EPIPE,
        errno.ETIMEDOUT,
    }
)
# Of the disk alone: no store's client raises these.
_DISK_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.ESTALE})
# The clients' own types, by name: their modules are not always installed, and move.
_TRANSIENT_NAMES = frozenset(
    {"HTTPClientError", "ClientConnectionError", "ClientPayloadError", "TransportError"}
)
_CREDENTIAL_NAMES = frozenset(
    {
        "NoCredentialsError",
        "PartialCredentialsError",
        "CredentialRetrievalError",
        "TokenRetrievalError",
        "UnauthorizedSSOTokenError",
        "ProfileNotFound",
        "DefaultCredentialsError",
        "RefreshError",
    }
)
# Of S3, some of which come with status 400.
_CREDENTIAL_CODES = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidToken",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
    }
)
_TOO_MANY = 429
_SERVER = 500
_NOT_IMPLEMENTED = 501


def transient(error: BaseException) -> bool:
    """Return whether the same request may well succeed a little later."""
    if isinstance(error, (TimeoutError, ConnectionError)) or _names(error) & _TRANSIENT_NAMES:
        return True
    if isinstance(error, OSError) and error.errno in _TRANSIENT_ERRNOS:
        return True
    status = _status(error)
    return status is not None and (status == _TOO_MANY or status >= _SERVER)


def of_disk(error: OSError, path: Path) -> bool:
    """Return whether the disk refused, not the store, while a file was sent or received.

    Args:
        error: of the store's client.
        path: of the file.
    """
    # A store's client says what is behind an error of its own.
    failed = error.errno == errno.EIO and error.__cause__ is None and _status(error) is None
    return failed or error.errno in _DISK_ERRNOS or error.filename == str(path)


def exists_already(error: BaseException) -> bool:
    """Return whether an exclusive put was refused because the object is there."""
    return isinstance(error, FileExistsError) or _status(error) in (409, 412)


def not_implemented(error: BaseException) -> bool:
    """Return whether the store has no conditional puts, and says so."""
    return _status(error) == _NOT_IMPLEMENTED or isinstance(error, NotImplementedError)


def explained(error: BaseException, url: str, attempts: int) -> StorageError:
    """Return the error as one that says what to do."""
    if (
        isinstance(error, PermissionError)
        or _names(error) & _CREDENTIAL_NAMES
        or _code(error) in _CREDENTIAL_CODES
    ):
        return StorageError(
            f"{url}: not permitted ({_said(error)}). Check which credentials are found "
            "(environment, ~/.aws, gcloud, hf auth login) and what they may do"
        )
    if isinstance(error, FileNotFoundError):
        return StorageError(f"{url}: there is no such bucket or object ({_said(error)})")
    tried = f" after {attempts} attempts" if attempts > 1 else ""
    return StorageError(
        f"{url}: the store failed{tried} ({_said(error)}). Run the same command again to go on: "
        "finished units are kept"
    )


def _said(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _names(error: BaseException) -> set[str]:
    return {kind.__name__ for kind in type(error).__mro__}


def _code(error: BaseException) -> str | None:
    """Return S3's own code of an error, or of its cause."""
    for each in (error, error.__cause__):
        response = getattr(each, "response", None)
        if isinstance(response, dict) and "Error" in response:
            return str(response["Error"].get("Code"))
    return None


def _status(error: BaseException) -> int | None:
    """Return the HTTP status of an error of botocore, gcsfs or the Hub's client, or of its cause.

    s3fs turns botocore's errors into ``OSError`` and keeps them as the cause.
    """
    for each in (error, error.__cause__):
        response = getattr(each, "response", None)
        if isinstance(response, dict):
            status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        else:
            status = getattr(response, "status_code", getattr(each, "code", None))
        if isinstance(status, int):
            return status
    return None
