"""The way to the API: the proxy that leads there, and the authorities that may vouch for what answers."""

import os
import ssl
from collections.abc import Mapping
from pathlib import Path

from worker.core.errors import BadSettingError
from worker.core.proxy import Proxy, parse_proxy, proxy_of
from worker.settings import CA_FILE, NO_PROXY, PROXY_URL, Settings


def check_network(settings: Settings) -> None:
    """Raises `BadSettingError` where the proxy or the authorities cannot be what is set."""
    proxy_for(settings)
    make_tls(settings)


def proxy_for(settings: Settings, environment: Mapping[str, str] = os.environ) -> Proxy | None:
    """`PROXY_URL`, else what the environment names as curl reads it; None for the direct way.

    Raises `BadSettingError`: an unusable proxy is never passed over, since the way around it may be closed,
    or not be allowed.
    """
    if settings.proxy_url is None:
        try:
            return proxy_of(environment, settings.api_url)
        except ValueError as error:
            raise BadSettingError(
                f"{error}; correct it, or set {PROXY_URL}, which wins over it ({NO_PROXY!r}: no proxy)"
            ) from None
    setting = settings.proxy_url.get_secret_value().strip()
    return None if setting.lower() == NO_PROXY else parse_proxy(setting, PROXY_URL)


def describe_route(settings: Settings) -> str:
    """The proxy in use, without user and password, or that there is none."""
    proxy = proxy_for(settings)
    return "no proxy" if proxy is None else f"the proxy {proxy}"


def make_tls(settings: Settings, environment: Mapping[str, str] = os.environ) -> ssl.SSLContext:
    """Certificates are verified by `CA_FILE` alone; without it by the system's authorities, or by those of
    OpenSSL's own variables `SSL_CERT_FILE` and `SSL_CERT_DIR`.

    Raises `BadSettingError`: OpenSSL itself passes over a file that is not there, and then trusts nobody.
    """
    if settings.ca_file is not None:
        tls = _context_trusting(settings.ca_file, CA_FILE)
    else:
        if file := environment.get("SSL_CERT_FILE"):
            _context_trusting(Path(file), "SSL_CERT_FILE")
        folder = environment.get("SSL_CERT_DIR", "")
        if folder and not any(Path(part).is_dir() for part in folder.split(os.pathsep)):
            raise BadSettingError(f"SSL_CERT_DIR: {folder} is no folder: correct or unset it")
        tls = ssl.create_default_context()
    tls.set_alpn_protocols(["http/1.1"])
    return tls


def _context_trusting(file: Path, variable: str) -> ssl.SSLContext:
    cure = f"name a file of certificates in PEM form, or unset {variable}"
    try:
        return ssl.create_default_context(cafile=file)
    except ssl.SSLError:
        raise BadSettingError(f"{variable}: {file} holds no certificate that can be read: {cure}") from None
    except OSError as error:
        raise BadSettingError(f"{variable}: {file} cannot be read ({error.strerror}): {cure}") from None
