"""A private certificate authority, made with openssl. Its keys are small, since they protect nothing."""

import itertools
import shutil
import ssl
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.servers import missing

_KEY: Final = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
_CONFIG: Final = """[ca]
default_ca = here
[here]
dir = .
database = index.txt
new_certs_dir = .
default_md = sha256
policy = any
copy_extensions = copy
rand_serial = yes
unique_subject = no
[any]
commonName = supplied
"""


@dataclass
class Authority:
    """An authority with the common name `name`, in a folder of its own."""

    folder: Path
    name: str
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        subject = ("-subj", f"/CN={self.name}", "-days", "2")
        self._openssl("req", "-x509", *_KEY, *subject, "-keyout", "ca.key", "-out", "ca.pem")
        (self.folder / "index.txt").touch()
        (self.folder / "ca.cnf").write_text(_CONFIG)

    @property
    def file(self) -> Path:
        """The certificate of the authority, as a file to trust."""
        return self.folder / "ca.pem"

    def serves(
        self, *names: str, begins: str = "20200101000000Z", ends: str = "20991231235959Z"
    ) -> ssl.SSLContext:
        """A TLS context for a server, with a certificate for `names` (`DNS:HOST`, `IP:ADDRESS`)."""
        names = names or ("IP:127.0.0.1",)
        key, asked, given = (f"{next(self._numbers)}.{kind}" for kind in ("key", "csr", "pem"))
        subject = ("-subj", f"/CN={names[0].partition(':')[2]}")
        extension = ("-addext", f"subjectAltName={','.join(names)}")
        self._openssl("req", *_KEY, *subject, *extension, "-keyout", key, "-out", asked)
        own = ("-config", "ca.cnf", "-batch", "-notext", "-cert", "ca.pem", "-keyfile", "ca.key")
        self._openssl("ca", *own, "-startdate", begins, "-enddate", ends, "-in", asked, "-out", given)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(self.folder / given, self.folder / key)
        return tls

    def _openssl(self, *arguments: str) -> None:
        found = shutil.which("openssl") or missing("openssl")
        subprocess.run([found, *arguments], cwd=self.folder, check=True, capture_output=True)
