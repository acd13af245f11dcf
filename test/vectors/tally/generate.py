"""Golden vectors of the tally documents, made by a second implementation.

Written from docs/TALLY.md alone, on other libraries than the product: hashlib, PyNaCl (libsodium) for Ed25519, py_ecc
for BLS12-381; the Ed25519 edge cases on thirty lines of curve arithmetic below. Run only when the format changes:

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install pynacl==1.6.2 py_ecc==8.0.0
    /tmp/venv/bin/python test/vectors/tally/generate.py
"""
import hashlib
import json
import struct
from pathlib import Path

from nacl.signing import SigningKey
from py_ecc.bls import G2ProofOfPossession as bls

HERE = Path(__file__).parent


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def tag(name):
    return name.encode("ascii").ljust(16, b"\0")


def write(name, value):
    (HERE / name).write_text(json.dumps(value, indent=2) + "\n")


# --- documents ---------------------------------------------------------------------------------------------------

def scope_id(kind, ident):
    return sha(tag("TSWM-SCOPE-v1"), bytes([kind]), struct.pack(">H", len(ident)), ident)


def runs_bytes(runs):
    return b"".join(struct.pack(">II", start, count) for start, count in runs)


def keys_root(keys):
    keys = sorted(keys)
    level = [sha(b"\0", key) for key in keys]
    while len(level) > 1:
        pairs = [level[i:i + 2] for i in range(0, len(level), 2)]
        level = [sha(b"\1", *pair) if len(pair) == 2 else pair[0] for pair in pairs]
    return sha(tag("TSWM-KEYS-v1"), struct.pack(">I", len(keys)), level[0])


def documents():
    authority = SigningKey(bytes([1]) * 32)
    sender = SigningKey(bytes([2]) * 32)
    receiver = SigningKey(bytes([3]) * 32)
    public = lambda key: bytes(key.verify_key)
    sign = lambda key, message: key.sign(message).signature

    tracker = scope_id(1, public(authority))
    registry_fields = (98765, bytes([4]) * 32, bytes([5]) * 20)
    registry = scope_id(2, registry_fields[0].to_bytes(32, "big") + registry_fields[1] + registry_fields[2])
    v1_hash, v2_hash = bytes([6]) * 20, bytes([7]) * 32
    share = v2_hash
    opened = 1_790_000_000

    open_bytes = b"".join([
        tag("TSWM-OPEN-v1"), tracker, share, public(sender), public(receiver), bytes([8]) * 16, bytes([9]) * 16,
        struct.pack(">I", opened), bytes([10]) * 32, bytes([11]) * 32,
    ])
    runs = [(0, 3), (5, 1), (4_000_000_000, 2)]
    tally = b"".join([
        tag("TSWM-TALLY-v1"), tracker, share, public(sender), public(receiver), sha(open_bytes),
        struct.pack(">I", opened), bytes(4), struct.pack(">Q", 98_304), sha(runs_bytes(runs)),
    ])
    credential = lambda key: b"".join([
        tag("TSWM-CRED-v1"), tracker, share, public(key), struct.pack(">II", opened - 60, opened + 86_400),
    ])
    secret = 42
    identity = bls.SkToPk(secret)
    many = [public(SigningKey(bytes([n]) * 32)) for n in (2, 20, 21, 22, 23)]
    binding = b"".join([
        tag("TSWM-BIND-v1"), tracker, identity, keys_root(many), struct.pack(">II", opened - 60, opened + 86_400),
    ])
    close = sha(tag("TSWM-CLOSE-v1"), identity, tally)
    return {
        "seeds": {"authority": "01" * 32, "sender": "02" * 32, "receiver": "03" * 32},
        "scopes": {
            "none": scope_id(0, b"").hex(),
            "tracker": {"key": public(authority).hex(), "id": tracker.hex()},
            "registry": {
                "chainId": str(registry_fields[0]), "genesis": registry_fields[1].hex(),
                "address": registry_fields[2].hex(), "id": registry.hex(),
            },
        },
        "share": {
            "v1": v1_hash.hex(), "v2": v2_hash.hex(), "hybridId": share.hex(),
            "v1Id": sha(tag("TSWM-V1SHARE"), v1_hash).hex(),
        },
        "open": {
            "bytes": open_bytes.hex(), "session": sha(open_bytes).hex(), "openedS": opened,
            "senderSignature": sign(sender, open_bytes).hex(), "receiverSignature": sign(receiver, open_bytes).hex(),
        },
        "runs": {"runs": [list(run) for run in runs], "bytes": runs_bytes(runs).hex(), "digest": sha(runs_bytes(runs)).hex()},
        "tally": {"bytes": tally.hex(), "count": "98304", "signature": sign(receiver, tally).hex()},
        "credentials": {
            name: {"bytes": credential(key).hex(), "signature": sign(authority, credential(key)).hex()}
            for name, key in (("sender", sender), ("receiver", receiver))
        },
        "keyRequest": {
            "bytes": (tag("TSWM-KEYREQ-v1") + tracker + share + public(sender)).hex(),
            "signature": sign(sender, tag("TSWM-KEYREQ-v1") + tracker + share + public(sender)).hex(),
        },
        "binding": {
            "secret": secret.to_bytes(32, "big").hex(), "identity": identity.hex(),
            "keys": [key.hex() for key in sorted(many)], "keysRoot": keys_root(many).hex(),
            "bytes": binding.hex(), "signature": bls.Sign(secret, sha(binding)).hex(),
            "possession": bls.PopProve(secret).hex(),
        },
        "close": {"message": close.hex(), "signature": bls.Sign(secret, close).hex()},
    }


# --- Ed25519 edge cases ------------------------------------------------------------------------------------------

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
I = pow(2, (P - 1) // 4, P)


def add(a, b):
    (x1, y1), (x2, y2) = a, b
    k = D * x1 * x2 * y1 * y2 % P
    return (x1 * y2 + x2 * y1) * pow(1 + k, -1, P) % P, (y1 * y2 + x1 * x2) * pow(1 - k, -1, P) % P


def mul(n, point):
    result = (0, 1)
    while n:
        if n & 1:
            result = add(result, point)
        point, n = add(point, point), n >> 1
    return result


def point_of(y, sign):
    xx = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(xx, (P + 3) // 8, P)
    if (x * x - xx) % P:
        x = x * I % P
    if (x * x - xx) % P:
        return None
    return (P - x if x & 1 != sign else x) % P, y


def encode(point):
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


BASE = point_of(4 * pow(5, -1, P) % P, 0)


def torsion():
    y = 2
    while True:
        point = point_of(y, 0)
        if point:
            small = mul(L, point)
            if mul(4, small) != (0, 1):
                return small
        y += 1


def challenge(r, key, message):
    return int.from_bytes(hashlib.sha512(r + key + message).digest(), "little") % L


def edges():
    cases = []

    def case(name, valid, key, signature, message):
        cases.append({"name": name, "valid": valid, "publicKey": key.hex(), "signature": signature.hex(), "message": message.hex()})

    signer = SigningKey(bytes([12]) * 32)
    key, message = bytes(signer.verify_key), b"a tally"
    good = signer.sign(message).signature
    s = int.from_bytes(good[32:], "little")
    le = lambda n: n.to_bytes(32, "little")
    case("a good signature", True, key, good, message)
    case("an empty message", True, key, signer.sign(b"").signature, b"")
    case("another message", False, key, good, b"a talley")
    case("a flipped bit in R", False, key, bytes([good[0] ^ 1]) + good[1:], message)
    case("a flipped bit in S", False, key, good[:32] + bytes([good[32] ^ 1]) + good[33:], message)
    case("S + L", False, key, good[:32] + le(s + L), message)
    case("S = L", False, key, good[:32] + le(L), message)
    case("a short signature", False, key, good[:63], message)
    case("a long signature", False, key, good + b"\0", message)
    case("a short key", False, key[:31], good, message)
    case("a key that is no point", False, le(next(y for y in range(2, 99) if point_of(y, 0) is None)), good, message)

    eighth = torsion()
    r = 123456789
    plain = encode(mul(r, BASE))
    for n in range(8):
        small = encode(mul(n, eighth))
        text = next(  # a message for which h * A is the identity, so that S = r fits
            text for text in (b"small %d %d" % (n, i) for i in range(1000))
            if mul(challenge(plain, small, text), mul(n, eighth)) == (0, 1)
        )
        case(f"a key of small order ({n} times a point of order 8)", False, small, plain + le(r), text)
    for name, odd in (
        ("y = p", le(P)), ("y = p + 1", le(P + 1)), ("y = 1 with the sign of x", le(1 | 1 << 255)),
        ("y = p - 1 with the sign of x", le(P - 1 | 1 << 255)), ("y = p + 1 with the sign of x", le(P + 1 | 1 << 255)),
        ("y = p + 3", le(P + 3)),
    ):
        text = next(text for text in (b"odd %d" % i for i in range(1000)) if challenge(plain, odd, text) % 8 == 0)
        case(f"a key that is not canonical: {name}", False, odd, plain + le(r), text)

    a = int.from_bytes(hashlib.sha512(bytes(signer)).digest()[:32], "little") & (1 << 254) - 8 | 1 << 254
    assert encode(mul(a, BASE)) == key
    identity, odd = encode((0, 1)), le(P + 1)
    case("R is the identity", False, key, identity + le(challenge(identity, key, message) * a % L), message)
    case("R is the identity, not canonical", False, key, odd + le(challenge(odd, key, message) * a % L), message)
    mixed = encode(add(mul(r, BASE), eighth))
    case("R with a part of small order (good only with the cofactor)", False, key,
         mixed + le((r + challenge(mixed, key, message) * a) % L), message)
    mixed_key = encode(add(mul(a, BASE), eighth))
    for wanted, name in ((True, "h is a multiple of 8"), (False, "h is not")):
        i = next(i for i in range(1000) if (challenge(plain, mixed_key, b"mixed %d" % i) % 8 == 0) == wanted)
        text = b"mixed %d" % i
        case(f"a key with a part of small order, {name}", wanted, mixed_key,
             plain + le((r + challenge(plain, mixed_key, text) * a) % L), text)
    return cases


# --- BLS ---------------------------------------------------------------------------------------------------------

def bls_cases():
    return [
        {
            "secret": secret.to_bytes(32, "big").hex(), "publicKey": bls.SkToPk(secret).hex(), "message": message.hex(),
            "signature": bls.Sign(secret, message).hex(), "possession": bls.PopProve(secret).hex(),
        }
        for secret, message in ((42, b"a close"), (2**250 + 7, bytes(32)))
    ]


write("documents.json", documents())
write("ed25519-edges.json", edges())
write("bls.json", bls_cases())
