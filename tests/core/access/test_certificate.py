"""What is told of a certificate that was refused."""

from typing import Any

import pytest

from worker.core.access.certificate import certificate_fault

NOW = 1_800_000_000.0  # 2027-01-15


def certificate(**changed: Any) -> dict[str, Any]:
    return {
        "subject": ((("commonName", "console.test"),),),
        "issuer": ((("organizationName", "Acme"),), (("commonName", "Acme TLS inspection"),)),
        "notBefore": "Jan  1 00:00:00 2020 GMT",
        "notAfter": "Jan  2 03:04:05 2021 GMT",
        "subjectAltName": (("DNS", "other.test"), ("IP Address", "10.0.0.1"), ("email", "a@b.test")),
        **changed,
    }


@pytest.mark.parametrize(
    ("code", "found", "said"),
    [
        (20, certificate(), "issued by 'Acme TLS inspection'"),
        (19, certificate(), "issued by 'Acme TLS inspection'"),
        (20, certificate(issuer=((("organizationName", "Acme"),),)), "issued by 'Acme',"),
        (20, {}, "the server's certificate comes from an authority that is not trusted here"),
        (18, certificate(), "certificate of 'console.test' is signed by itself"),
        (10, certificate(), "expired on 2021-01-02 03:04 UTC"),
        (10, certificate(notAfter="Jan  1 00:00:00 2099 GMT"), "is under one that has expired"),
        (10, {}, "certificate has expired"),
        (9, certificate(notBefore="Jan  1 00:00:00 2090 GMT"), "is not valid before 2090-01-01 00:00 UTC"),
        (9, certificate(), "is not valid yet"),
        (62, certificate(), "is for other.test, 10.0.0.1, and not for the host in BULK_ACTIVATE_API_URL"),
        (64, {}, "is not for the host in BULK_ACTIVATE_API_URL"),
        (
            62,
            certificate(subjectAltName=tuple(("DNS", f"h{n}.test") for n in range(90))),
            "h4.test, ..., and",
        ),
        (23, certificate(), "OpenSSL's code 23"),
    ],
)
def test_each_fault_of_a_certificate_is_described(code: int, found: dict[str, Any], said: str) -> None:
    assert said in certificate_fault(code, found, NOW)


@pytest.mark.parametrize("code", [18, 19, 20, 21])
def test_an_untrusted_certificate_comes_with_the_cure(code: int) -> None:
    assert "BULK_ACTIVATE_CA_FILE" in certificate_fault(code, certificate(), NOW)


def test_names_of_strangers_are_short_and_plain() -> None:
    hostile = "x\r\n\x1b[31m\u202e" + "y" * 10_000
    found = certificate(issuer=((("commonName", hostile),),), subjectAltName=(("DNS", hostile),) * 100)
    for code in (20, 62):
        said = certificate_fault(code, found, NOW)
        assert said.isprintable()
        assert len(said) < 800
