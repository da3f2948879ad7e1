"""Password hashes and signed tokens.

A token is "user-id.expiry.signature", signed with a key that all services
read from one directory: each of them can check a token by itself.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from pathlib import Path

ITERATIONS = 20_000
TOKEN_SECONDS = 3600


def hash_password(password: str) -> str:
    salt = secrets.token_hex(16)
    return f"{salt}${_stretch(password, salt)}"


def check_password(password: str, stored: str) -> bool:
    salt, _, wanted = stored.partition("$")
    return hmac.compare_digest(_stretch(password, salt), wanted)


def _stretch(password: str, salt: str) -> str:
    raw = hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), ITERATIONS)
    return raw.hex()


def make_keys(directory: Path) -> None:
    directory.mkdir(mode=0o700)
    key = directory / "signing.key"
    key.touch(mode=0o600)
    key.write_bytes(secrets.token_bytes(32))


class Tokens:
    """Issues and checks tokens with the key of a key directory."""

    def __init__(self, directory: Path) -> None:
        self.key = (directory / "signing.key").read_bytes()

    def issue(self, user_id: str) -> str:
        text = f"{user_id}.{int(time.time()) + TOKEN_SECONDS}"
        return f"{text}.{self._sign(text)}"

    def valid(self, token: str) -> bool:
        text, _, signature = token.rpartition(".")
        if not hmac.compare_digest(self._sign(text).encode(), signature.encode()):
            return False
        return time.time() < int(text.rpartition(".")[2])

    def _sign(self, text: str) -> str:
        return hmac.new(self.key, text.encode(), "sha256").hexdigest()
