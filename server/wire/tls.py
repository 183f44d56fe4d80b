"""The certificate of the server, if it serves TLS itself."""

from __future__ import annotations

import ssl

from server.options import Options


class CertificateError(Exception):
    """The certificate or its key cannot be used; the message names both."""


def make_context(options: Options) -> ssl.SSLContext | None:
    """Return the context of the options' certificate; None without one."""
    if options.certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    load_certificate(context, options)
    return context


def load_certificate(context: ssl.SSLContext, options: Options) -> None:
    """Let new connections get the certificate as its files have it now."""
    assert options.certificate is not None
    try:
        context.load_cert_chain(options.certificate, options.key)
    except OSError as error:  # ssl.SSLError is one
        files = f"{options.certificate} and {options.key}"
        raise CertificateError(f"cannot serve TLS with {files}: {error}") from error
