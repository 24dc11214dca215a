"""Multibase base58btc ("z…") and the Multikey form of an Ed25519 public key."""

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_ED25519_PUBLIC = b"\xed\x01"
_MAX_LENGTH = 200


class BadMultibase(ValueError):
    """Not base58btc multibase, or not the kind of key or signature that was expected."""


def encode(data: bytes) -> str:
    """`z` and the base58 digits; leading zero bytes are kept as `1`."""
    number, digits = int.from_bytes(data), ""
    while number:
        number, remainder = divmod(number, 58)
        digits = _ALPHABET[remainder] + digits
    return "z" + "1" * (len(data) - len(data.lstrip(b"\0"))) + digits


def decode(text: object) -> bytes:
    """The bytes of a `z…` text; BadMultibase for anything else."""
    if not isinstance(text, str) or not text.startswith("z") or len(text) > _MAX_LENGTH:
        raise BadMultibase("Not a base58btc multibase text.")
    digits, number = text[1:], 0
    for digit in digits:
        if (value := _ALPHABET.find(digit)) < 0:
            raise BadMultibase("Not a base58btc multibase text.")
        number = number * 58 + value
    zeros = len(digits) - len(digits.lstrip("1"))
    return b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8)


def encode_ed25519(public: bytes) -> str:
    """Multikey text (`z6Mk…`) of a raw 32-byte public key."""
    return encode(_ED25519_PUBLIC + public)


def decode_ed25519(text: object) -> bytes:
    """The raw 32 bytes of an Ed25519 Multikey; BadMultibase for any other key."""
    data = decode(text)
    if len(data) != 34 or not data.startswith(_ED25519_PUBLIC):
        raise BadMultibase("Not an Ed25519 public key.")
    return data[2:]
