"""The network path to the API: the proxy, and the certificate authorities to trust."""

import os
import ssl
from collections.abc import Mapping
from pathlib import Path

from worker.core.access.proxy import Proxy, parse_proxy, proxy_of
from worker.core.errors import BadSettingError
from worker.settings import CA_FILE, NO_PROXY, PROXY_URL, Settings


def check_network(settings: Settings) -> None:
    """Raises `BadSettingError` if the settings of proxy or authorities cannot be used."""
    proxy_for(settings)
    make_tls(settings)


def proxy_for(settings: Settings, environment: Mapping[str, str] = os.environ) -> Proxy | None:
    """The proxy: from `PROXY_URL`, or from the environment as curl reads it; None for a direct connection.

    Raises `BadSettingError` for an unusable proxy. It is never bypassed, since a direct connection may be
    impossible or forbidden.
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
    """Names the proxy in use, without user and password, or says that there is none."""
    proxy = proxy_for(settings)
    return "no proxy" if proxy is None else f"the proxy {proxy}"


def make_tls(settings: Settings, environment: Mapping[str, str] = os.environ) -> ssl.SSLContext:
    """A TLS context that trusts `CA_FILE` alone; without it the system's authorities, or those of OpenSSL's
    own variables `SSL_CERT_FILE` and `SSL_CERT_DIR`.

    Raises `BadSettingError` for a missing or unreadable file, which OpenSSL would ignore and then trust
    nobody.
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
