"""A host of a device that two people use, in Python: keystore, PIN, shifts, answers without
a network, what makes a reviewer look twice, export and wipe.

Run by tests/tests/surface_python.rs, which started the server and founded the township:

    device_host.py WORLD

WORLD is JSON: `folder` for the data, `server`, `token` of the staff, `people` (the owner of
both orders first; each with id, code, login and password), two `orders`, a `picture`, the
`corner` and `side` of the ground, `sealed` when the library encrypts. PYTHONPATH names the
folder with the bindings. Prints one line of JSON. Needs nothing but Python.
"""

import asyncio
import json
import os
import sys
import urllib.request

from gridcrew_mobile import (
    CustomerFits,
    Datum,
    Device,
    Doubt,
    FieldValue,
    Handheld,
    HandheldError,
    HandheldSettings,
    KeyFault,
    OrderList,
    PictureInput,
    Place,
    PlatformKeyStore,
    Position,
    StepInput,
    SyncBudget,
    SyncEnd,
    SyncLane,
    SyncListener,
    lock_words,
    reason_of,
    refusal_of,
)

WORLD = json.loads(sys.argv[1])
UNLIMITED = SyncBudget(seconds=60, bytes=None, metered=False, battery_saver=False)
PINS = ["135790", "246802"]


def refused(variant, code, call, *arguments):
    """The call is refused by that variant of the error and with that code."""
    try:
        call(*arguments)
    except variant as error:
        why = refusal_of(error)
        assert why.code == code and why.words.zh and why.words.en, (code, error)
        return error
    raise AssertionError(f"not refused: {call} {arguments}")


async def refused_later(variant, code, call):
    try:
        await call
    except variant as error:
        assert refusal_of(error).code == code, (code, error)
        return error
    raise AssertionError(f"not refused: {code}")


async def cut_later_and_later(call, most=None):
    """Lets go of a call later and later, until it was fast enough or was let go of as often
    as is allowed; gives its outcome."""
    cut, cuts = 0, 0
    while True:
        task = asyncio.create_task(call())
        await asyncio.wait({task}, timeout=None if cuts == most else 0.001 * cut)
        if task.done():
            return task.result()
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
        cut, cuts = cut + 1 + cut // 4, cuts + 1


class Keys(PlatformKeyStore):
    """In the place of a platform's keystore."""

    def __init__(self):
        self.kept = {}
        self.broken = None

    def check(self):
        if self.broken:
            raise self.broken

    def load(self, name):
        self.check()
        return self.kept.get(name)

    def store(self, name, key):
        self.check()
        self.kept[name] = key

    def forget(self, name):
        self.check()
        self.kept.pop(name, None)


class Heard(SyncListener):
    """Notes the lanes that it hears of, and can stop a sync at the first word."""

    def __init__(self):
        self.lanes = set()
        self.at_first = None

    def progress(self, progress):
        self.lanes.add(progress.lane)
        self.act()

    def changed(self, orders, scope):
        self.act()

    def act(self):
        act, self.at_first = self.at_first, None
        if act:
            act()


def post(path, body):
    """What the staff asks of the server."""
    request = urllib.request.Request(
        f"{WORLD['server']}/api/v1{path}",
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {WORLD['token']}",
                 "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert answer.status in (200, 201, 204), answer.status


def at(part_of_side=0.05):
    lon, lat = WORLD["corner"]
    side = WORLD["side"]
    return Position(lon=lon + side * part_of_side, lat=lat + side * 0.5, datum=Datum.WGS84)


def place(part_of_side=0.05, **other):
    where = at(part_of_side)
    fix = {"accuracy_m": 8.0, "age_ms": 400, "mock": False, "gnss_unix_ms": None, **other}
    return Place(lon=where.lon, lat=where.lat, datum=where.datum, **fix)


def keystore(folder):
    """The platform's key: asked, kept, missed, failing. Gives the keystore of the device."""
    keys, alone = Keys(), os.path.join(folder, "alone")
    if not WORLD["sealed"]:
        refused(HandheldError.Key, "device.key", Handheld.open_sealed, alone, keys, "alone")
        assert not keys.kept
        return None
    for broken in (KeyFault.Failed(reason="no screen lock"), RuntimeError("no keystore")):
        keys.broken = broken
        error = refused(HandheldError.Key, "device.key",
                        Handheld.open_sealed, alone, keys, "alone")
        said = error.why.words.en
        assert "no screen lock" in said or "no keystore" in said, said
    keys.broken = None
    handheld = Handheld.open_sealed(
        alone, keys, "alone", HandheldSettings(preview_side=640, warn_below_bytes=2**62))
    assert len(keys.kept["alone"]) == 32
    status = handheld.status()
    assert status.storage.short and status.storage.free_bytes > 0 and status.storage.reserve
    assert handheld.lock_state().is_OPEN() and not handheld.has_pin()
    del handheld
    with open(os.path.join(alone, "handheld.db"), "rb") as store:
        assert store.read(15) != b"SQLite format 3"
    refused(HandheldError.Key, "device.key", Handheld.open_sealed, alone, Keys(), "alone")
    refused(HandheldError.Key, "device.key", Handheld.open, alone)
    Handheld.open_sealed(alone, keys, "alone")
    return keys


async def enrol_both(device):
    for person, pin in zip(WORLD["people"], PINS):
        def enrol(pin=pin, person=person):
            return device.enrol(WORLD["server"], person["code"], "python", pin)
        await refused_later(HandheldError.Invalid, "request.invalid", enrol("111111"))
        assert await cut_later_and_later(enrol) == person["id"]
    people = {here.person: here for here in device.people()}
    assert set(people) == {person["id"] for person in WORLD["people"]}
    assert all(here.lock.is_PIN_WANTED() and not here.on_shift for here in people.values())
    assert device.on_shift() is None


def on_shift(device, number):
    change = device.change_shift(WORLD["people"][number]["id"], PINS[number])
    assert change.is_DONE(), change
    assert [here.on_shift for here in change.people].count(True) == 1
    assert device.on_shift().lock_state().is_OPEN()
    return change.handheld, {here.person: here for here in change.people}


def answers(handheld):
    """What is answered without a network."""
    owner = WORLD["people"][0]["id"]
    here = handheld.cell_at(at())
    assert here.distance_m == 0 and not here.shared and here.cell.code
    assert here.role_a.person == owner and here.role_a.name and here.role_b.name
    # Another's cell is not known here, only how far the own one is.
    far = handheld.cell_at(at(1.5))
    assert far.cell == here.cell and far.distance_m > 1_000, far
    gcj = Position(lon=at().lon, lat=at().lat, datum=Datum.GCJ02)
    near, = {round(order.distance_m) for order in handheld.orders_near(gcj)}
    assert 100 < near < 1_000, near
    assert {order.order for order in handheld.orders_near(at())} == set(WORLD["orders"])
    assert all(order.distance_m < 1 for order in handheld.orders_near(at()))
    wrong = Position(lon=32.0, lat=116.0, datum=Datum.WGS84)
    refused(HandheldError.Invalid, "request.invalid", handheld.cell_at, wrong)

    for text, fits in (("王建国", CustomerFits.WHOLE_NAME), ("wjg", CustomerFits.NAME_SOUNDS),
                       ("柳家庄", CustomerFits.ADDRESS), ("77000003", CustomerFits.WHOLE_NUMBER),
                       ("3408000000003", CustomerFits.WHOLE_NUMBER)):
        hits = handheld.search(text, 3)
        assert 1 <= len(hits) <= 3 and all(hit.fits == fits for hit in hits), (text, hits)
    assert hits[0].customer.meter_no == "77000003" and hits[0].customer.position
    assert handheld.search("nobody", 3) == []

    card = handheld.show(WORLD["orders"][0])
    prompts = [step.prompt for step in card.next if step.prompt]
    assert any(prompt.take_along for prompt in prompts) and card.everywhere[0].zh
    assert card.closed is None and [part.words.zh for part in card.next[0].needs]
    arrive, = [one for one in card.deadlines if one.code == "arrive"]
    assert arrive.left_ms > 0 and not arrive.unsure


def arrive(handheld, order, picture, where):
    values = {"told_how": FieldValue.TEXT("phone"),
              "not_there_reason": FieldValue.TEXT("the bridge is gone")}
    pictures = [PictureInput(slot="site", path=picture)]
    step = StepInput(step="arrived", values=values, pictures=pictures)
    return handheld.step(order, step, where)


def looked_at_twice(handheld, folder):
    """What a reviewer looks at twice is said when it is recorded."""
    first, second = WORLD["orders"]
    picture = WORLD["picture"]
    far = handheld.prove_arrival(first, place(0.5))
    assert far.proof.is_FAR_AWAY() and far.asks_why, far
    assert far.proof.metres > far.proof.allowed, far
    nowhere = handheld.prove_arrival(first, None).proof
    assert nowhere.is_UNSURE() and nowhere.doubts == [Doubt.NO_FIX]
    for order in WORLD["orders"]:
        handheld.take(order, 30, place())
    there = handheld.prove_arrival(first, place())
    assert there.proof.is_PROVED() and not there.asks_why and there.words.zh
    fast = handheld.prove_arrival(first, place(0.5)).proof
    assert fast.is_UNSURE() and fast.doubts == [Doubt.IMPOSSIBLE_SPEED], fast

    done = arrive(handheld, first, picture, place())
    assert done.review.arrival.is_PROVED() and done.review.doubts == [], done.review
    assert done.review.photos == [[]] and done.review.lines == [], done.review
    photo = done.photos[0].photo
    shown = os.path.join(folder, "shown.jpg")
    handheld.copy_photo(photo, shown)
    with open(shown, "rb") as file, open(picture, "rb") as given:
        assert file.read() == given.read()
    if WORLD["sealed"]:
        with open(handheld.photo_path(photo), "rb") as kept:
            assert kept.read(2) != b"\xff\xd8"
    absent = "0" * 64
    refused(HandheldError.Storage, "internal",
            handheld.copy_photo, absent, shown)
    assert os.path.exists(shown)

    again = arrive(handheld, second, picture, place(mock=True))
    assert Doubt.MOCK_PLACE in again.review.doubts, again.review
    assert again.review.arrival.is_UNSURE() and len(again.review.lines) >= 2
    same = [flag for flag in again.review.photos[0] if flag.is_SAME_PICTURE()]
    assert [flag.order for flag in same] == [first], again.review
    line, = [line for line in handheld.show(second).trace if line.record == again.record]
    assert line.review == again.review, (line.review, again.review)


async def shifts(device, folder):
    """Two people, one after the other: nothing of one is the other's, and nothing waits for
    its owner to be sent."""
    owner, second = (person["id"] for person in WORLD["people"])
    wrong = device.change_shift(owner, "999998")
    assert wrong.is_REFUSED() and wrong.outcome.is_WRONG() and wrong.outcome.tries == 1
    mine, _ = on_shift(device, 0)
    assert device.handheld(owner).lock_state().is_OPEN()
    first = await device.sync(UNLIMITED)
    assert [one.person for one in first] == [owner, second], first
    assert all(one.report.succeeded and one.failed is None for one in first), first
    answers(mine)
    looked_at_twice(mine, folder)

    file = os.path.join(folder, "unsynced.gridcrew")
    done = mine.export_unsynced(file)
    assert done.records >= 4 and done.photos == 1 and done.missing == 0, done
    assert os.path.getsize(file) > 1_000

    theirs, people = on_shift(device, 1)
    assert people[owner].records_waiting == 4 and people[owner].photos_waiting == 1, people
    error = refused(HandheldError.Locked, "device.locked", mine.list, OrderList.ALL)
    assert error.lock.is_PIN_WANTED() and lock_words(error.lock).zh
    refused(HandheldError.Locked, "device.locked", mine.note, WORLD["orders"][0], "x", None)
    refused(HandheldError.Locked, "device.locked", mine.export_unsynced, file)
    assert mine.status().strip.zh and mine.status().parked == []

    # Told to end, it ends for both; then it goes on, and what the first left is sent.
    heard = Heard()
    mine.listen(heard)
    theirs.listen(heard)
    heard.at_first = device.stop_sync
    stopped = await device.sync(UNLIMITED)
    assert len(stopped) < 2 or stopped[-1].report.ended == SyncEnd.STOPPED, stopped
    device.network_changed()
    device.came_to_foreground()
    both = await cut_later_and_later(lambda: device.sync(UNLIMITED))
    assert all(one.report.succeeded for one in both), both
    assert SyncLane.RECORDS in heard.lanes and SyncLane.ORIGINALS in heard.lanes, heard.lanes
    assert mine.status().all_held
    return mine, theirs


async def locks(device, theirs):
    """Wrong PINs cost time, and who forgot his own has his password."""
    second = WORLD["people"][1]
    device.end_shift()
    assert theirs.has_pin()
    for tries in range(1, 6):
        outcome = theirs.unlock("999998")
        assert outcome.is_WRONG() and outcome.tries == tries, outcome
    assert outcome.wait_ms > 0
    early = theirs.unlock(PINS[1])
    assert early.is_TOO_EARLY() and 0 < early.wait_ms <= outcome.wait_ms
    assert theirs.lock_state().wait_ms > 0
    change = device.change_shift(second["id"], PINS[1])
    assert change.is_REFUSED() and change.outcome.is_TOO_EARLY(), change
    assert (await theirs.sync(UNLIMITED)).succeeded

    wrong = theirs.reset_pin(second["login"], "not the password", "864209")
    await refused_later(HandheldError.Refused, "auth.wrong_password", wrong)
    PINS[1] = "864209"
    # Each sign-in that is not heard to its end may count as one that failed.
    await cut_later_and_later(
        lambda: theirs.reset_pin(second["login"], second["password"], PINS[1]), most=3)
    assert theirs.lock_state().is_OPEN()
    assert theirs.set_pin("999998", "112233").is_WRONG()
    refused(HandheldError.Locked, "device.locked", theirs.set_pin, None, "112233")
    assert theirs.set_pin(PINS[1], "112233").is_OPEN()
    PINS[1] = "112233"
    theirs.lock()
    assert theirs.unlock(PINS[1]).is_OPEN()

    # Without contact for too long not even the PIN opens it, but a sync does.
    refused(HandheldError.Invalid, "request.invalid", theirs.set_offline_limit, -1)
    theirs.set_offline_limit(2_000)
    while not theirs.lock_state().is_OFFLINE():
        await asyncio.sleep(0.05)
    lock = theirs.lock_state()
    assert lock.since_unix_ms > 0 and lock_words(lock).en
    refused(HandheldError.Locked, "device.locked", theirs.list, OrderList.ALL)
    for _ in range(20):
        await theirs.sync(UNLIMITED)
        if theirs.lock_state().is_OPEN():
            theirs.set_offline_limit(None)
            break
    assert theirs.lock_state().is_OPEN()
    theirs.list(OrderList.ALL)


async def wipe(device, mine, keys):
    """The station has one of them wiped: the other one stays."""
    owner, second = (person["id"] for person in WORLD["people"])
    post(f"/handhelds/{mine.status().journal}/wipe", {"form": "when_safe"})
    before = len(keys.kept) if keys else 0
    done = {one.person: one for one in await device.sync(UNLIMITED)}
    assert done[owner].report is None and done[owner].failed.code == "device.wiped", done
    assert done[owner].failed.words.zh and done[second].report.succeeded
    refused(HandheldError.Wiped, "device.wiped", mine.note, WORLD["orders"][0], "x", None)
    assert [here.person for here in device.people()] == [second]
    refused(HandheldError.NotEnrolled, "auth.required", device.handheld, owner)
    if keys:
        assert len(keys.kept) == before - 1


async def main():
    folder = WORLD["folder"]
    keys = keystore(folder)
    meaning = reason_of("record.previous_owner")
    assert meaning.meaning.zh and meaning.action.en
    device = Device.open(os.path.join(folder, "device"), keys)
    await enrol_both(device)
    mine, theirs = await shifts(device, folder)
    await locks(device, theirs)
    await wipe(device, mine, keys)
    del device, mine, theirs
    again = Device.open(os.path.join(folder, "device"), keys, HandheldSettings(stamp=False))
    here, = again.people()
    assert here.lock.is_PIN_WANTED()
    shift, _ = on_shift(again, 1)
    assert shift.me().person == here.person
    print(json.dumps({"sealed": bool(keys), "left": here.person}))


asyncio.run(main())
