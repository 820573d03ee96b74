"""How a client checks the certificate of a server that it connects to."""

from __future__ import annotations

import ssl
from pathlib import Path


def client_context(ca: Path | None = None, *, beside_system: bool = False) -> ssl.SSLContext:
    """Return the context that checks a server against a file of certificates, or the system's.

    beside_system: the file's count in addition to the system's. Since Python 3.13 a certificate
    authority without the extension for key usage is refused, as many made at home are; one that
    the configuration names is accepted as before. Raises OSError for a file without certificates.
    """
    context = ssl.create_default_context(cafile=None if beside_system else ca)
    if ca is not None:
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if beside_system:
            context.load_verify_locations(ca)
    return context


def trusted_files(ca: Path | None = None, *, beside_system: bool = False) -> tuple[Path, ...]:
    """Return the files that `client_context` reads."""
    system = ssl.get_default_verify_paths().cafile if ca is None or beside_system else None
    return tuple(Path(file) for file in (system, ca) if file is not None)
