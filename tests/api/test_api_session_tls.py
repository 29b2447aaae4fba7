"""Only a certificate that can be verified is spoken to."""

import shutil
import ssl
import subprocess

import pytest

from tests.api.clients import ORG, parts
from tests.api.servers import raw, says
from tests.servers import missing
from worker.core.answer import NoReply


@pytest.fixture(scope="module")
def self_signed(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """For 127.0.0.1, signed by itself."""
    openssl = shutil.which("openssl") or missing("openssl")
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    subject = ("-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1")
    subprocess.run(
        [openssl, "req", "-x509", *curve, *subject, "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


async def test_a_certificate_that_nobody_vouches_for_is_refused_before_anything_is_sent(
    self_signed: ssl.SSLContext,
) -> None:
    async with raw(says(b"HTTP/1.1 200 OK\r\n\r\n"), self_signed) as url, parts(url) as mine:
        reply = await mine.client.activate(ORG, ("one",))
    assert reply == NoReply(
        "TOKEN_UNAVAILABLE",
        "token exchange: the server's certificate could not be verified",
        sent=False,
    )


async def test_a_server_that_speaks_no_tls_is_sent_nothing() -> None:
    async with raw(says(b"")) as url, parts(url.replace("http", "https"), connect_timeout=0.2) as mine:
        reply = await mine.client.activate(ORG, ("one",))
    assert isinstance(reply, NoReply)
    assert not reply.sent
