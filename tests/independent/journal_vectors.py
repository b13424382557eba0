#!/usr/bin/env python3
"""Test vectors of the journal chain, made and checked without any of Gridcrew's own code.

    python3 journal_vectors.py --make          prints the vectors of journal_vectors.json
    python3 journal_vectors.py --check FILE    checks such a file, whoever made it

Only the standard library is needed; Ed25519 stands beside this in ed25519.py. The vectors come
from a fixed seed: they are the same in every run.

A file holds entries, each with its bytes, their hash, its link and what it says; and journals,
each a list of batches as they go over the wire, with the verdict: `accepted`, or the first
reason for which the batch that is the last of the list is refused. The bytes of batches are
CBOR (RFC 8949); of each accepted one it is also checked that its signature is the one that the
key makes, Ed25519 being deterministic.

Exit code 0 when everything is as the file says, 1 otherwise.
"""

import hashlib
import json
import struct
import sys
import uuid

import ed25519
from verify_trace import BATCH, Broken, cbor, sha256

FORMAT = "gridcrew journal vectors 1"
MAX_ENTRIES = 500
MAX_ENTRY_BYTES = 64 * 1024


# What follows says what links and signatures are made over.


def link(journal, seq, before, content):
    """The link of the entry at `seq` whose bytes have the hash `content`."""
    text = b"gridcrew link 1\0" + journal + seq.to_bytes(8, "big")
    return sha256(text + before + content)


def signed_text(journal, last, head):
    """What the signature of a batch is made over."""
    return b"gridcrew journal 1\0" + journal + last.to_bytes(8, "big") + head


def links_of(journal, first, before, items):
    """The link of every item."""
    links = []
    for seq, item in enumerate(items, first):
        content = item["h"] if "h" in item else sha256(item["b"])
        before = link(journal, seq, before, content)
        links.append(before)
    return links


# Writing.


def head(major, number):
    """The first bytes of a CBOR item."""
    if number < 24:
        return bytes([major << 5 | number])
    for info, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if number < 1 << 8 * size:
            return bytes([major << 5 | info]) + number.to_bytes(size, "big")
    raise ValueError(number)


def written(value):
    """A value as CBOR."""
    if value is True or value is False:
        return bytes([0xF5 if value else 0xF4])
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, float):
        return b"\xfb" + struct.pack(">d", value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(written(item) for item in value)
    pairs = (written(key) + written(item) for key, item in value.items())
    return head(5, len(value)) + b"".join(pairs)


def batch(journal, first, before, items, seed, signed=None):
    """A batch; `signed` replaces what the signature would be made over."""
    links = links_of(journal, first, before, items)
    last = first + len(items) - 1
    text = signed_text(journal, max(last, 0), links[-1] if links else before)
    return {
        "journal": journal,
        "first": first,
        "before": before,
        "hash": "sha-256",
        "signed_with": "ed25519",
        "items": items,
        "signature": ed25519.sign(seed, text if signed is None else signed),
    }


def bytes_of(text):
    """32 bytes that stand for nothing else."""
    return hashlib.sha256(b"gridcrew vectors: " + text.encode()).digest()


def id_of(text):
    """16 bytes that make an id."""
    return bytes_of(text)[:16]


def entries_made():
    """The bytes of a journal's entries: opened, then the work on one order, then a remark."""
    person, order = id_of("person"), id_of("order")
    start, boot = 1_767_225_600_000, id_of("boot")

    def record(minute, event, **more):
        time = {"w": start + minute * 60_000, "b": boot, "u": minute * 60_000}
        if "gnss" in more:
            time["g"] = more.pop("gnss")
        time["a"] = {"t": start, "b": boot, "u": 0}
        fields = {"o": order, "p": person, "n": 1, "t": time}
        if "fix" in more:
            lon, lat, datum = more.pop("fix")
            position = {"lon": lon, "lat": lat, "datum": datum}
            fields["f"] = {"p": position, "a": 45, "o": 900}
        fields["e"] = event
        return {"record": fields}

    photo = {"h": bytes_of("photo"), "l": 183_204, "s": "site"}
    arrived = {"step": "arrived", "values": {"told_how": "in_person"}, "photos": [photo]}
    restored = {"step": "restored", "values": {"voltage": "221.5", "again": False, "tries": -2}}
    entries = [
        {"opened": {"person": person}},
        record(2, {"taken": {"eta_minutes": 20}}),
        record(21, {"step_done": arrived}, fix=(104.0123, 30.5678, "WGS-84")),
        record(40, {"step_done": restored}, gnss=start + 2_400_000),
        record(41, {"declined": {"reason": "busy", "note": "今天不行"}}),
        record(42, {"handed_over": {"to": id_of("other")}}),
        record(50, {"noted": {"text": "等雨停"}}, fix=(104.5, -30.25, "CGCS2000")),
    ]
    return [written(entry) for entry in entries]


def altered(data, at):
    """`data` with one bit turned."""
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def journals_made(seed):
    """Every journal with its name, key and verdict."""
    journal = id_of("journal")
    key = ed25519.public_key(seed)
    items = [{"b": entry} for entry in entries_made()]
    hashed = [dict(item) for item in items]
    hashed[2] = {"h": sha256(items[2]["b"])}
    links = links_of(journal, 1, bytes(32), items)

    def made(first, last, **change):
        part = items[first - 1 : last] if "items" not in change else change.pop("items")
        before = change.pop("before", None)
        if before is None:
            before = links[first - 2] if first > 1 else bytes(32)
        by = change.pop("by", seed)
        return batch(change.pop("of", journal), first, before, part, by, **change)

    def changed(one, **fields):
        return {**one, **fields}

    whole = made(1, 7)
    signature = whole["signature"]
    scalar = int.from_bytes(signature[32:], "little")
    beyond = signature[:32] + (scalar + ed25519.ORDER).to_bytes(32, "little")
    swapped = [items[0], items[2], items[1]] + items[3:]
    shorter = items[:3] + [{"b": altered(items[3]["b"], 30)}] + items[4:]
    other_hash = items[:2] + [{"h": bytes_of("another entry")}] + items[3:]
    small = ed25519.compress(ed25519.IDENTITY)
    elsewhere = id_of("another journal")
    end, last_two = 2**64 - 2, items[:2]
    return [
        ("one batch", key, "accepted", [whole]),
        ("three batches", key, "accepted", [made(1, 1), made(2, 5), made(6, 7)]),
        ("an entry each", key, "accepted", [made(seq, seq) for seq in range(1, 8)]),
        ("an entry by its hash", key, "accepted", [changed(whole, items=hashed)]),
        ("a gap", key, "does_not_go_on", [made(1, 3), made(5, 7)]),
        ("a batch twice", key, "does_not_go_on", [made(1, 3), made(1, 3)]),
        ("entries twice", key, "does_not_go_on", [made(1, 3), made(3, 7)]),
        (
            "after another link",
            key,
            "does_not_go_on",
            [made(1, 3), made(4, 7, before=bytes_of("another link"))],
        ),
        (
            "the link before was altered",
            key,
            "bad_signature",
            [made(1, 3), changed(made(4, 7), before=altered(links[2], 31))],
        ),
        ("an altered byte", key, "bad_signature", [changed(whole, items=shorter)]),
        ("entries in another order", key, "bad_signature", [changed(whole, items=swapped)]),
        ("another hash", key, "bad_signature", [changed(whole, items=other_hash)]),
        ("an entry left out", key, "bad_signature", [changed(whole, items=items[:6])]),
        ("an altered signature", key, "bad_signature", [changed(whole, signature=altered(signature, 5))]),
        ("no signature", key, "bad_signature", [changed(whole, signature=bytes(64))]),
        ("a scalar beyond the order", key, "bad_signature", [changed(whole, signature=beyond)]),
        ("by another key", key, "bad_signature", [made(1, 7, by=bytes_of("another key"))]),
        (
            "signed for another journal",
            key,
            "bad_signature",
            [made(1, 7, signed=signed_text(elsewhere, 7, links[6]))],
        ),
        (
            "signed for another position",
            key,
            "bad_signature",
            [made(1, 7, signed=signed_text(journal, 8, links[6]))],
        ),
        (
            "a key that signs everything",
            small,
            "bad_signature",
            [changed(whole, signature=small + bytes(32))],
        ),
        ("of another journal", key, "another_journal", [made(1, 7, of=elsewhere)]),
        ("no entries", key, "empty", [made(1, 0, items=[])]),
        ("from position 0", key, "bad_start", [made(0, 7, items=items, before=bytes(32))]),
        ("the first after a link", key, "bad_start", [made(1, 7, before=bytes_of("a link"))]),
        ("a later one after nothing", key, "bad_start", [made(1, 3), made(4, 7, before=bytes(32))]),
        ("at the last position", key, "overflow", [made(1, 3), made(end, end + 1, items=last_two, before=links[2])]),
    ]


def vectors():
    """Everything, as it stands in the file."""
    seed, journal = bytes_of("key"), id_of("journal")
    entries, before = [], bytes(32)
    for seq, data in enumerate(entries_made(), 1):
        before = link(journal, seq, before, sha256(data))
        entries.append(
            {
                "seq": seq,
                "says": says(data),
                "bytes": data.hex(),
                "hash": sha256(data).hex(),
                "link": before.hex(),
            }
        )
    journals = [
        {
            "name": name,
            "verdict": verdict,
            "key": key.hex(),
            "batches": [written(one).hex() for one in batches],
        }
        for name, key, verdict, batches in journals_made(seed)
    ]
    return {
        "format": FORMAT,
        "seed": seed.hex(),
        "key": ed25519.public_key(seed).hex(),
        "journal": str(uuid.UUID(bytes=journal)),
        "entries": entries,
        "journals": journals,
    }


# Checking.


def says(data):
    """What an entry says, in words that both sides use."""
    entry, end = cbor(data, 0)
    if end != len(data) or len(entry) != 1:
        raise Broken("not one entry")
    if "opened" in entry:
        return f"opened by {uuid.UUID(bytes=entry['opened']['person'])}"
    record = entry["record"]
    (event,) = record["e"]
    order, actor = uuid.UUID(bytes=record["o"]), uuid.UUID(bytes=record["p"])
    return f"{event} of {order} by {actor} in term {record['n']} at {record['t']['w']}"


def refused(one, key):
    """Why a batch alone is refused; None when it is not."""
    items, first, before = one["items"], one["first"], one["before"]
    if not items:
        return "empty"
    if len(items) > MAX_ENTRIES:
        return "too_many"
    if first == 0 or (first == 1) != (before == bytes(32)):
        return "bad_start"
    if first + len(items) >= 2**64:
        return "overflow"
    if any(len(item.get("b", b"")) > MAX_ENTRY_BYTES for item in items):
        return "entry_too_long"
    journal = one["journal"]
    text = signed_text(journal, first + len(items) - 1, links_of(journal, first, before, items)[-1])
    return None if ed25519.verify(key, one["signature"], text) else "bad_signature"


def verdict_of(journal, key, batches, seed):
    """What becomes of the batches, one after the other."""
    last, head_link = 0, bytes(32)
    for data in batches:
        one, end = cbor(data, 0)
        if end != len(data) or set(one) != BATCH:
            raise Broken("not one batch")
        if (one["hash"], one["signed_with"]) != ("sha-256", "ed25519"):
            raise Broken("a batch of an unknown form")
        reason = refused(one, key)
        if reason is not None:
            return reason
        if one["journal"] != journal:
            return "another_journal"
        if one["first"] != last + 1 or one["before"] != head_link:
            return "does_not_go_on"
        last += len(one["items"])
        head_link = links_of(journal, one["first"], one["before"], one["items"])[-1]
        if ed25519.public_key(seed) == key:
            if ed25519.sign(seed, signed_text(journal, last, head_link)) != one["signature"]:
                raise Broken("a signature that the key does not make")
    return "accepted"


def check(file):
    """Everything that is not as the file says."""
    if file["format"] != FORMAT:
        yield "the file is of a format that is not known"
        return
    seed, journal = bytes.fromhex(file["seed"]), uuid.UUID(file["journal"]).bytes
    if ed25519.public_key(seed).hex() != file["key"]:
        yield "the key is not that of the seed"
    before = bytes(32)
    for seq, entry in enumerate(file["entries"], 1):
        data = bytes.fromhex(entry["bytes"])
        before = link(journal, seq, before, sha256(data))
        found = (seq, says(data), sha256(data).hex(), before.hex())
        if found != tuple(entry[name] for name in ("seq", "says", "hash", "link")):
            yield f"entry {seq}: {found}"
    for line in file["journals"]:
        batches = [bytes.fromhex(data) for data in line["batches"]]
        try:
            found = verdict_of(journal, bytes.fromhex(line["key"]), batches, seed)
        except (Broken, KeyError, TypeError, ValueError) as why:
            found = f"cannot be read: {why}"
        if found != line["verdict"]:
            yield f"journal `{line['name']}`: {found}, the file says {line['verdict']}"


def main():
    """The two commands."""
    if sys.argv[1:] == ["--make"]:
        json.dump(vectors(), sys.stdout, indent=1, ensure_ascii=False)
        print()
        return 0
    if len(sys.argv) == 3 and sys.argv[1] == "--check":
        with open(sys.argv[2], encoding="utf-8") as file:
            content = json.load(file)
        wrong = list(check(content))
        for what in wrong:
            print(f"WRONG {what}")
        counts = f"{len(content['entries'])} entries and {len(content['journals'])} journals"
        print(f"{counts} checked, {len(wrong)} wrong")
        return 1 if wrong else 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
