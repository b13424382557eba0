"""A host of the handheld, in Python: what an app does with the generated bindings.

Run by tests/tests/surface_python.rs, which started the server and founded the township:

    handheld_host.py FOLDER SERVER CODE ORDER OTHER TOKEN PICTURE...

FOLDER is for the handheld's data, CODE enrols the order's owner, OTHER is a colleague to
whom the staff (TOKEN) hands the order over, each PICTURE is a JPEG. PYTHONPATH names the
folder with the bindings. Prints one line of JSON: what was recorded and what was heard.
Needs nothing but Python.
"""

import asyncio
import json
import sys
import threading
import time
import urllib.request

from gridcrew_mobile import (
    Datum,
    FieldValue,
    Handheld,
    HandheldError,
    OrderList,
    OrderOwner,
    OrderStatus,
    PhotoState,
    PictureInput,
    Place,
    StepInput,
    SyncBudget,
    SyncEnd,
    SyncLane,
    SyncListener,
    SyncProblemKind,
    refusal_of,
)

UNLIMITED = SyncBudget(seconds=60, bytes=None, metered=False, battery_saver=False)
HERE = Place(
    lon=116.605, lat=32.85, datum=Datum.WGS84, accuracy_m=8.0, age_ms=400, mock=False,
    gnss_unix_ms=None,
)


def refused(variant, code, call, *arguments):
    """The call is refused by that variant of the error and with that code."""
    try:
        call(*arguments)
    except variant as error:
        assert refusal_of(error).code == code, (code, error)
        assert refusal_of(error).words.zh and refusal_of(error).words.en
        return error
    raise AssertionError(f"not refused: {call} {arguments}")


async def refused_later(variant, code, call):
    try:
        await call
    except variant as error:
        assert refusal_of(error).code == code, (code, error)
        return error
    raise AssertionError(f"not refused: {code}")


class Heard(SyncListener):
    """Notes what it hears, and can do something at the n-th word."""

    def __init__(self, handheld):
        self.handheld = handheld
        self.progresses = []
        self.orders = set()
        self.threads = set()
        self.at = None

    def progress(self, progress):
        self.threads.add(threading.get_ident())
        # No lock is held: the handheld answers meanwhile.
        assert self.handheld.status().person_name
        self.progresses.append(progress)
        self.count()

    def changed(self, orders, scope):
        self.orders.update(orders)
        self.count()

    def count(self):
        if self.at is not None:
            left, act = self.at
            self.at = (left - 1, act) if left > 1 else None
            if left == 1:
                act()

    def lanes(self):
        return sorted({progress.lane.name for progress in self.progresses})


class Throws(SyncListener):
    def progress(self, progress):
        raise RuntimeError("a listener that fails")

    def changed(self, orders, scope):
        raise RuntimeError("a listener that fails")


def step(name, slot=None, picture=None, **values):
    pictures = [PictureInput(slot=slot, path=picture)] if slot else []
    return StepInput(step=name, values=values, pictures=pictures)


def text(value):
    return FieldValue.TEXT(value)


async def enrol(handheld, server, code):
    """Lets go of the enrolment later and later, until it was fast enough."""
    wrong = handheld.enrol(server, "0000-0000", "python")
    await refused_later(HandheldError.Refused, "enrol.bad_code", wrong)
    nobody = handheld.enrol("http://127.0.0.1:9", code, "python")
    await refused_later(HandheldError.Unreachable, "unavailable", nobody)
    cut = 0
    while True:
        task = asyncio.create_task(handheld.enrol(server, code, "python"))
        await asyncio.wait({task}, timeout=0.001 * cut)
        if task.done():
            return cut, task.result()
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
        cut += 1


def work(handheld, order, pictures):
    """Accepts the order and does its first steps, without a network."""
    line = next(line for line in handheld.list(OrderList.TO_DO) if line.order == order)
    assert line.mine and line.phenomenon == "no light"
    assert line.next_deadline.left_ms is not None and line.next_deadline.due_unix_ms > 0
    assert handheld.find(order[:18]) == order
    assert [one.code for one in handheld.show(order).decline_reasons][0] == "not_my_cell"
    handheld.take(order, 25, HERE)
    assert handheld.show(order).status == OrderStatus.TAKEN

    arrived = step("arrived", told_how=text("in_person"))
    error = refused(HandheldError.Incomplete, "record.incomplete",
                    handheld.step, order, arrived, HERE)
    missing, = error.missing
    assert missing.part.is_PHOTOS() and (missing.part.slot, missing.part.need) == ("site", 1)
    arrived = step("arrived", "site", __file__, told_how=text("in_person"))
    refused(HandheldError.Invalid, "media.no_picture", handheld.step, order, arrived, HERE)
    arrived = step("arrived", "site", pictures[0], told_how=text("in_person"))
    recorded = handheld.step(order, arrived, HERE)
    promised, = recorded.photos
    with open(handheld.photo_path(promised.photo), "rb") as kept:
        with open(pictures[0], "rb") as given:
            assert kept.read() == given.read()
    called = StepInput(step="phone_customer", pictures=[], values={
        "reached": FieldValue.FLAG(True), "eta_minutes": FieldValue.WHOLE(20)})
    handheld.step(order, called, None)
    refused(HandheldError.NotAllowed, "request.invalid", handheld.step, order, step("no"), None)
    refused(HandheldError.NotFound, "not_found", handheld.find, "ffffffff")

    card = handheld.show(order)
    assert card.status == OrderStatus.WORKING and card.mine
    assert card.contact.name == "Li" and card.title.en == "Fault repair"
    own = [line for line in card.trace if line.own]
    assert len(own) == 3 and not any(line.held for line in own)
    photo, = card.photos
    assert photo.original == PhotoState.QUEUED
    status = handheld.status()
    assert status.photos.originals_waiting == 1 and not status.all_held


async def cut_syncs(handheld, heard, order):
    """Cancels a sync at its first word, its second, and so on: nothing is lost, and the
    next one is never kept out. Gives what was noted."""
    noted = []
    while True:
        noted.append(f"note {len(noted)}")
        handheld.note(order, noted[-1], None)
        before = handheld.status()
        task = asyncio.create_task(handheld.sync(UNLIMITED))
        loop = asyncio.get_running_loop()
        heard.at = (len(noted), lambda: loop.call_soon_threadsafe(task.cancel))
        await asyncio.wait({task})
        heard.at = None
        after = handheld.status()
        total = before.records_waiting + before.records_held
        assert after.records_waiting + after.records_held == total, (before, after)
        if not task.cancelled():
            assert task.result().succeeded, task.result()
            return noted
        assert len(noted) < 200


async def sync_until_done(handheld):
    report = await handheld.sync(UNLIMITED)
    assert report.succeeded and report.ended == SyncEnd.DONE, report
    assert handheld.status().all_held
    return report


def hand_over(server, token, order, other):
    """The staff gives the order to another."""
    request = urllib.request.Request(
        f"{server}/api/v1/orders/{order}/hand-over",
        data=json.dumps({"to": other, "note": "nearer"}).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert answer.status == 200


async def reached(handheld, unix_ms):
    """Waits until the handheld's own time, which it has by the server's answers, is beyond that
    of the server: it may be behind by half the way of an answer."""
    for _ in range(1_000):
        if handheld.status().now_unix_ms > unix_ms:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the handheld's time does not go on")


async def main():
    folder, server, code, order, other, token, *pictures = sys.argv[1:]
    handheld = Handheld.open(folder)
    refused(HandheldError.NotEnrolled, "auth.required", handheld.list, OrderList.ALL)
    await refused_later(HandheldError.NotEnrolled, "auth.required", handheld.sync(UNLIMITED))
    cut, name = await enrol(handheld, server, code)
    heard = Heard(handheld)
    handheld.listen(heard)
    await sync_until_done(handheld)
    assert order in heard.orders, heard.orders
    me = handheld.me()
    assert me.name == name and other in [one.person for one in me.colleagues]

    work(handheld, order, pictures)
    spent = await handheld.sync(SyncBudget(seconds=60, bytes=50, metered=False, battery_saver=False))
    assert spent.ended == SyncEnd.BUDGET_SPENT, spent
    assert spent.problem.kind == SyncProblemKind.BUDGET_SPENT and spent.problem.words.en
    assert handheld.status().records_waiting >= 3
    saving = await handheld.sync(
        SyncBudget(seconds=60, bytes=None, metered=True, battery_saver=True))
    assert saving.succeeded and saving.problem.kind == SyncProblemKind.METERED, saving
    assert (saving.records_waiting, saving.photos_waiting) == (0, 1)
    handheld.came_to_foreground()
    noted = await cut_syncs(handheld, heard, order)
    assert handheld.status().all_held

    # Two at once: one is told so, the other goes on.
    handheld.note(order, "two at once", None)
    noted.append("two at once")
    pair = await asyncio.gather(
        handheld.sync(UNLIMITED), handheld.sync(UNLIMITED), return_exceptions=True)
    busy, = [one for one in pair if isinstance(one, HandheldError.Busy)]
    assert refusal_of(busy).code == "conflict"
    await sync_until_done(handheld)

    # Handed over meanwhile: what is recorded then is a previous owner's.
    hand_over(server, token, order, other)
    await reached(handheld, time.time_ns() // 1_000_000)
    diagnosis = step("diagnosis", "fault", pictures[1], property_class=text("utility"),
                     fault_code=text("LV-03"), cause=text("broken wire"))
    late = handheld.step(order, diagnosis, HERE)
    handheld.listen(Throws())
    await sync_until_done(handheld)
    handheld.listen(heard)
    card = handheld.show(order)
    assert not card.mine and card.agrees
    assert card.owner.is_PERSON() and card.owner.person == other, card.owner
    line, = [line for line in card.trace if line.record == late.record]
    assert line.held and line.evidence.code == "record.previous_owner", line
    assert line.event.is_STEP_DONE() and line.event.values["cause"] == text("broken wire")
    assert all(photo.original == PhotoState.HELD for photo in card.photos), card.photos
    refused(HandheldError.NotAllowed, "order.not_owner", handheld.take, order, None, None)

    # Ended by the host, as one does whose tasks cannot be cancelled.
    handheld.note(order, "stopped", None)
    noted.append("stopped")
    heard.at = (1, handheld.stop_sync)
    stopped = await handheld.sync(UNLIMITED)
    assert stopped.ended == SyncEnd.STOPPED and not stopped.succeeded, stopped
    await sync_until_done(handheld)
    assert threading.get_ident() not in heard.threads
    last = [one for one in heard.progresses if one.lane == SyncLane.RECORDS][-1]
    assert last.left == 0
    handheld.listen(None)
    print(json.dumps({
        "noted": noted,
        "lanes": heard.lanes(),
        "words": len(heard.progresses),
        "enrolments_cut": cut,
        "syncs_cut": len(noted) - 3,
        "bytes": max(one.bytes_sent for one in heard.progresses),
    }))


asyncio.run(main())
