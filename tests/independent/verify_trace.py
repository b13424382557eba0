#!/usr/bin/env python3
"""Checks an exported trace without any of Gridcrew's own code.

    python3 verify_trace.py DIR

Only the standard library is needed: signatures are checked by the package `cryptography` when
it is there, else by ed25519.py beside this, some milliseconds each. What is checked: the manifest's signature, the
hash of every file, nothing missing and nothing besides, every journal's chain of links and
signatures, that every entry shown is accounted for once, that batches which were set aside are signed
by their handheld's key, and that photos have the hash of
their name. Orders are not folded: that takes the workflow's rules, and `gridcrew trace
verify` does it.

Exit code 0 when nothing is broken, 1 otherwise.
"""

import hashlib
import json
import os
import sys
import uuid

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:
    import ed25519

    Ed25519PublicKey = None


BATCH = {"journal", "first", "before", "hash", "signed_with", "items", "signature"}


class Broken(Exception):
    """Something is not as it must be."""


def cbor(data, at):
    """One CBOR item (RFC 8949) of `data` from `at` on, and where it ends."""
    if at >= len(data):
        raise Broken("the CBOR ends early")
    head, at = data[at], at + 1
    major, info = head >> 5, head & 31
    if major == 7:
        if info in (20, 21, 22):
            return {20: False, 21: True, 22: None}[info], at
        size = {25: 2, 26: 4, 27: 8}.get(info)
        if size is None or at + size > len(data):
            raise Broken("CBOR of an unknown kind")
        return data[at : at + size], at + size  # a float: never needed here
    if info < 24:
        value = info
    elif info in (24, 25, 26, 27):
        size = 1 << (info - 24)
        if at + size > len(data):
            raise Broken("the CBOR ends early")
        value, at = int.from_bytes(data[at : at + size], "big"), at + size
    else:
        raise Broken("CBOR of indefinite length")
    if major == 0:
        return value, at
    if major == 1:
        return -1 - value, at
    if major in (2, 3):
        if at + value > len(data):
            raise Broken("the CBOR ends early")
        content = data[at : at + value]
        return (content if major == 2 else content.decode()), at + value
    if major == 4:
        items = []
        for _ in range(value):
            item, at = cbor(data, at)
            items.append(item)
        return items, at
    if major == 5:
        pairs = {}
        for _ in range(value):
            key, at = cbor(data, at)
            pairs[key], at = cbor(data, at)
        return pairs, at
    return cbor(data, at)  # a tag: what it tags


def signed_by(key, signature, text):
    """Whether `key` (32 bytes) signed `text`."""
    if Ed25519PublicKey is None:
        return ed25519.verify(key, signature, text)
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, text)
        return True
    except (InvalidSignature, ValueError):
        return False


def sha256(data):
    return hashlib.sha256(data).digest()


def journal_id(value):
    """An id as bytes, however it was written."""
    return value if isinstance(value, bytes) else uuid.UUID(value).bytes


def check_journal(line, data, server_key):
    """Checks one journal; gives the entries that are shown: position, order or None."""
    journal = uuid.UUID(line["journal"])
    key = bytes.fromhex(line["key"]) if line["key"] else server_key
    last, head, at, shown = 0, bytes(32), 0, {}
    while at < len(data):
        batch, at = cbor(data, at)
        if set(batch) != BATCH or (batch["hash"], batch["signed_with"]) != ("sha-256", "ed25519"):
            raise Broken(f"after entry {last}: a batch of an unknown form")
        if journal_id(batch["journal"]) != journal.bytes:
            raise Broken(f"after entry {last}: a batch of another journal")
        if batch["first"] != last + 1 or batch["before"] != head or not batch["items"]:
            raise Broken(f"does not go on after entry {last}")
        for item in batch["items"]:
            last += 1
            if set(item) not in ({"b"}, {"h"}):
                raise Broken(f"entry {last} is neither given whole nor by its hash")
            content = item["h"] if "h" in item else sha256(item["b"])
            text = b"gridcrew link 1\0" + journal.bytes + last.to_bytes(8, "big")
            head = sha256(text + head + content)
            if "b" in item:
                shown[last] = item["b"]
        text = b"gridcrew journal 1\0" + journal.bytes + last.to_bytes(8, "big") + head
        if not signed_by(key, batch["signature"], text):
            raise Broken(f"the batch up to entry {last} is not signed by the journal's key")
    if last != line["last"] or head.hex() != line["head"]:
        raise Broken(f"ends with entry {last}, the manifest says {line['last']}")
    return shown


def check_set_aside(line, data):
    """Checks one batch that was kept, but not applied: whole and signed by its key."""
    batch, end = cbor(data, 0)
    if end != len(data) or set(batch) != BATCH or not batch["items"]:
        raise Broken("is not one batch")
    if (batch["hash"], batch["signed_with"]) != ("sha-256", "ed25519"):
        raise Broken("is a batch of an unknown form")
    journal = uuid.UUID(line["journal"])
    last, head = batch["first"] - 1, batch["before"]
    for item in batch["items"]:
        last += 1
        content = item["h"] if "h" in item else sha256(item["b"])
        text = b"gridcrew link 1\0" + journal.bytes + last.to_bytes(8, "big")
        head = sha256(text + head + content)
    text = b"gridcrew journal 1\0" + journal.bytes + last.to_bytes(8, "big") + head
    if not signed_by(bytes.fromhex(line["key"]), batch["signature"], text):
        raise Broken("is not signed by its journal's key")
    said = (journal.bytes, line["first"], line["last"], line["head"])
    if (journal_id(batch["journal"]), batch["first"], last, head.hex()) != said:
        raise Broken("is another batch than the manifest says")


def order_of(content):
    """The order that an entry names; None when it cannot be read."""
    try:
        entry, end = cbor(content, 0)
        if end == len(content) and isinstance(entry, dict) and "record" in entry:
            return str(uuid.UUID(bytes=journal_id(entry["record"]["o"])))
    except (Broken, KeyError, TypeError, ValueError):
        pass
    return None


def check_entries(manifest, shown):
    """Every entry that is shown opens its journal, is of an order, or is parked."""
    expected = set()
    for order in manifest["orders"]:
        for journal, seqs in order["entries"].items():
            for seq in seqs:
                expected.add((journal, seq, order["order"]))
    parked = {(line["journal"], line["seq"]) for line in manifest["parked"]}
    handhelds = {line["journal"] for line in manifest["journals"] if line["key"]}
    for (journal, seq), content in shown.items():
        if journal in handhelds and seq == 1:
            continue
        if (journal, seq) in parked:
            parked.remove((journal, seq))
            continue
        key = (journal, seq, order_of(content))
        if key not in expected:
            yield f"entry {seq} of {journal} is not in the manifest"
        expected.discard(key)
    for journal, seq, order in sorted(expected):
        yield f"order {order} lacks entry {seq} of {journal}"
    for journal, seq in sorted(parked):
        yield f"entry {seq} of {journal} is parked, but not in its journal"


def check(folder):
    """Everything that is broken in the export."""
    files = {}
    for root, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(root, name)
            with open(path, "rb") as file:
                files[os.path.relpath(path, folder).replace(os.sep, "/")] = file.read()
    if "manifest.json" not in files or "manifest.sig" not in files:
        yield "there is no manifest, or no signature"
        return
    manifest = json.loads(files["manifest.json"])
    if (manifest["format"], manifest["version"]) != ("gridcrew trace export", 1):
        yield "the manifest is of a format that is not known"
        return
    server_key = bytes.fromhex(manifest["server_key"])
    text = b"gridcrew export 1\0" + sha256(files["manifest.json"])
    if not signed_by(server_key, files["manifest.sig"], text):
        yield "the manifest is not signed by the server's key"
    for name, digest in manifest["files"].items():
        if name not in files:
            yield f"{name} is missing"
        elif sha256(files[name]).hex() != digest:
            yield f"{name} was changed"
    for name in sorted(set(files) - set(manifest["files"]) - {"manifest.json", "manifest.sig"}):
        yield f"{name} is not in the manifest"
    shown = {}
    for line in manifest["journals"]:
        name = f"journals/{line['journal']}.cbor"
        try:
            entries = check_journal(line, files.get(name, b""), server_key)
            shown.update({(line["journal"], seq): entry for seq, entry in entries.items()})
        except (Broken, KeyError, TypeError, ValueError, AttributeError) as why:
            yield f"{name}: {why}"
    yield from check_entries(manifest, shown)
    keys = {line["journal"]: line["key"] for line in manifest["journals"]}
    listed = set()
    for line in manifest.get("set_aside", []):
        if line["file"] in listed:
            yield f"{line['file']} is listed twice"
        listed.add(line["file"])
        if keys.get(line["journal"], line["key"]) != line["key"]:
            yield f"{line['file']} names another key than its journal"
        try:
            check_set_aside(line, files.get(line["file"], b""))
        except (Broken, KeyError, TypeError, ValueError, AttributeError) as why:
            yield f"{line['file']}: {why}"
    for name in sorted(name for name in files if name.startswith("set_aside/")):
        if name not in listed:
            yield f"{name} was set aside, but is not listed so"
    for line in manifest["photos"]:
        name = f"photos/{line['photo']}"
        if line["held"] and sha256(files.get(name, b"")).hex() != line["photo"]:
            yield f"{name} has not the hash of its name"


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    broken = list(check(sys.argv[1]))
    for what in broken:
        print(f"BROKEN {what}")
    print("nothing is broken" if not broken else f"{len(broken)} things are broken")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
