//! What the engine does, case by case. The names are those of the complaints and faults
//! that each case keeps away.

use super::world::{Fate, World, note_entry};
use crate::{
    engine::{
        Budget, Change, Ended, Event, HttpReply, Lane, PACKED, Problem, Reply, Request, Stored,
    },
    fixture::{JOURNAL, ME, bring_order, note, order, order_item, page, server_entries},
    store::{identity, journal, orders, photos, scope},
};
use gridcrew_sync_protocol::{
    code::Code,
    feed::{FeedItem, FeedPage},
    ids::JournalId,
    journal::{Entry, Seq},
    media::MediaKind,
    order::Status,
    time::Millis,
    wire,
};
use std::collections::BTreeSet;

const HOUR: Budget = Budget {
    seconds: Some(3_600),
    bytes: None,
    metered: false,
    battery_saver: false,
};

fn queued(world: &mut World) -> u64 {
    journal::counts(world.local().store.read()).unwrap().queued
}

#[test]
fn everything_recorded_offline_arrives_once_and_the_sync_says_done() {
    let mut world = World::new();
    for _ in 0..3 {
        world.note();
    }
    world.photograph(24);
    assert_eq!(world.run(HOUR), (Ended::Done, None));
    world.assert_converged();
    // Nothing new: one page of the feed, nothing else.
    let before = world.requests;
    assert_eq!(world.run(HOUR), (Ended::Done, None));
    assert_eq!(world.requests - before, 1);
}

#[test]
fn a_week_of_records_goes_in_batches_within_the_limits() {
    let mut world = World::new();
    world.notes(1_203);
    world.begin(HOUR);
    let mut batches = 0;
    while world.ended.is_none() {
        batches += usize::from(matches!(world.asked[0].1, Request::Push(_)));
        world.meet(0, &Fate::Through);
    }
    assert_eq!(batches, 3);
    world.assert_converged();
}

#[test]
fn a_page_of_a_captive_portal_is_no_acknowledgement() {
    for fate in [
        Fate::Html,
        Fate::Proxy(302),
        Fate::Proxy(404),
        Fate::Proxy(413),
        Fate::Proxy(401),
        Fate::Proxy(403),
        Fate::Proxy(511),
        Fate::Truncated,
    ] {
        let mut world = World::new();
        world.note();
        world.begin(HOUR);
        world.meet(0, &fate);
        assert_eq!(queued(&mut world), 2, "{fate:?}");
        assert!(world.wake.is_some(), "{fate:?}: it is tried again");
        assert_eq!(world.go_on(), (Ended::Done, None), "{fate:?}");
        world.assert_converged();
    }
}

#[test]
fn an_answer_that_was_lost_is_asked_for_again_and_nothing_comes_twice() {
    let mut world = World::new();
    world.note();
    world.begin(HOUR);
    for _ in 0..4 {
        world.meet(0, &Fate::AnswerLost);
        world.sleep();
    }
    assert_eq!(world.go_on(), (Ended::Done, None));
    world.assert_converged();
}

#[test]
fn a_receipt_of_another_key_marks_nothing_as_held() {
    let mut world = World::new();
    world.note();
    world.begin(HOUR);
    // The engine of this world trusts another key than the server's.
    let key = ed25519_dalek::SigningKey::from_bytes(&[3; 32]).verifying_key();
    let epoch = world.server.epoch;
    world.engine = Some(crate::engine::Engine::new(HOUR, key, epoch, 1));
    world.asked.clear();
    world.tell(Event::Begin);
    world.meet(0, &Fate::Through);
    assert_eq!(queued(&mut world), 2);
}

#[test]
fn a_restored_server_gets_back_what_it_had_acknowledged() {
    let mut world = World::new();
    world.note();
    world.run(HOUR);
    let backup = world.server.books.clone();
    world.note();
    let photo = world.photograph(24);
    world.run(HOUR);
    assert_eq!(queued(&mut world), 0);
    world.server.restore(backup);
    assert_eq!(world.run(HOUR), (Ended::Done, None));
    world.assert_converged();
    assert!(
        world
            .server
            .books
            .held
            .contains_key(&(photo, MediaKind::Original))
    );
    let identity = identity::require(world.local().store.read()).unwrap();
    assert!(!identity.probe && !identity.ask_photos);
    assert_eq!(identity.epoch, world.server.epoch);
}

#[test]
fn a_crash_in_the_middle_of_offering_everything_again_does_not_forget_it() {
    let mut world = World::new();
    world.note();
    world.photograph(24);
    world.run(HOUR);
    world
        .server
        .restore(crate::engine::tests::model::Books::default());
    world.begin(HOUR);
    world.meet(0, &Fate::Through);
    world.crash();
    assert_eq!(world.run(HOUR), (Ended::Done, None));
    world.assert_converged();
}

#[test]
fn a_fork_opens_a_new_journal_and_keeps_the_old_branch() {
    let mut world = World::new();
    world.note();
    world.run(HOUR);
    // A clone of this device wrote the next entry.
    let clone = world.server.books.journals[&JOURNAL].clone();
    let (_, before) = clone.last().unwrap().clone();
    let entry = Entry::Record(note_entry("from the clone")).to_bytes();
    let link = gridcrew_sync_protocol::journal::link(
        JOURNAL,
        Seq(clone.len() as u64 + 1),
        before,
        gridcrew_sync_protocol::digest::Digest::of(&entry),
    );
    let held = world.server.books.journals.get_mut(&JOURNAL).unwrap();
    held.push((entry, link));
    world.note();
    world.photograph(24);
    assert_eq!(world.run(HOUR), (Ended::Done, None));
    world.assert_converged();
    assert_eq!(world.times_held("from the clone"), 1);
    let new = identity::require(world.local().store.read())
        .unwrap()
        .journal;
    assert_ne!(new, JOURNAL);
    let kept = journal::run_from(world.local().store.read(), JOURNAL, Seq(1), 99, 1 << 20).unwrap();
    assert_eq!(kept.len(), 4, "the old branch is kept");
    // And work goes on in the new journal.
    world.note();
    assert_eq!(world.run(HOUR), (Ended::Done, None));
    world.assert_converged();
}

#[test]
fn what_the_server_parked_behind_a_batch_is_heard_of() {
    let mut world = World::new();
    world.notes(600);
    world.server.parks.insert("week 550".to_owned());
    world.run(HOUR);
    // A copy of this device, made before that sync, sends the same in two batches.
    let work = |db: &rusqlite::Connection| {
        db.execute(
            "UPDATE journal_entry SET state = 'queued', held_at = NULL, parked = NULL",
            [],
        )?;
        Ok(())
    };
    world.local().store.write(work).unwrap();
    assert_eq!(world.run(HOUR), (Ended::Done, None));
    let counts = journal::counts(world.local().store.read()).unwrap();
    assert_eq!((counts.queued, counts.parked), (0, 1));
    world.assert_converged();
}

#[test]
fn what_the_server_parked_before_a_fork_counts_here_no_more_than_there() {
    // The answer that says where it forked is about the last of several batches.
    for batches in [500, 2, 1] {
        let mut world = World::new();
        world.note();
        let parked = world.note();
        world.server.parks.insert(parked);
        // The same entries came from a copy of this device, which then wrote one of its own.
        world.begin(HOUR);
        world.meet(0, &Fate::AnswerLost);
        world.crash();
        world.batches = batches;
        let held = world.server.books.journals.get_mut(&JOURNAL).unwrap();
        let (_, before) = held.last().unwrap().clone();
        let entry = Entry::Record(note_entry("from the clone")).to_bytes();
        let next = Seq(held.len() as u64 + 1);
        let content = gridcrew_sync_protocol::digest::Digest::of(&entry);
        let link = gridcrew_sync_protocol::journal::link(JOURNAL, next, before, content);
        held.push((entry, link));
        world.note();
        assert_eq!(world.run(HOUR), (Ended::Done, None));
        assert_eq!(
            journal::counts(world.local().store.read()).unwrap().parked,
            1,
            "the person is told of it, in {batches}s"
        );
        world.assert_converged();
    }
}

#[test]
fn a_device_restored_from_an_old_copy_finds_its_fork_and_loses_nothing() {
    let mut world = World::new();
    for _ in 0..3 {
        world.note();
    }
    world.run(HOUR);
    // This device was set back to the state before its last two notes.
    let texts: Vec<String> = world.noted.split_off(1);
    world
        .local()
        .store
        .write(|db| {
            db.execute("DELETE FROM photo_use", [])?;
            db.execute("DELETE FROM journal_entry WHERE seq > 2", [])?;
            Ok(())
        })
        .unwrap();
    assert_eq!(world.run(HOUR), (Ended::Done, None));
    world.noted.push("again".to_owned());
    let event = note("again");
    world.local().record(order(1), event, None, &[]).unwrap();
    assert_eq!(world.run(HOUR), (Ended::Done, None));
    world.noted.extend(texts);
    world.assert_converged();
}

#[test]
fn what_a_restored_device_lacks_of_its_own_journal_is_told_again_and_asked_for_once() {
    let mut world = World::new();
    for _ in 0..3 {
        world.note();
    }
    world.run(HOUR);
    let set_back = |world: &mut World| {
        let work = |db: &rusqlite::Connection| {
            db.execute("DELETE FROM journal_entry WHERE seq > 2", [])?;
            let own = [JOURNAL.0.as_bytes()];
            db.execute("DELETE FROM order_entry WHERE journal = ?1", own)?;
            let mut identity = identity::require(db)?;
            identity.probe = true;
            identity::put(db, &identity)
        };
        world.local().store.write(work).unwrap();
    };
    set_back(&mut world);
    let problem = Some(Problem::Continued);
    assert_eq!(world.run(HOUR), (Ended::Done, problem.clone()));
    let records = crate::fold::records(world.local().store.read(), order(1)).unwrap();
    assert_eq!(records.len(), 6, "three of the server's, three notes");
    let before = world.requests;
    assert_eq!(world.run(HOUR), (Ended::Done, problem));
    let feed = scope::feed(world.local().store.read()).unwrap();
    assert!(feed.cursor.is_some() && !feed.start_over);
    assert_eq!(world.requests - before, 2, "a probe and a page");
}

#[test]
fn what_a_device_that_another_goes_on_from_had_queued_does_not_wait_for_a_fork() {
    let mut world = World::new();
    world.note();
    world.run(HOUR);
    let photo = world.photograph(24);
    world.run(HOUR);
    world.note();
    world.run(HOUR);
    // Set back to when the photo's record waited.
    let work = |db: &rusqlite::Connection| {
        db.execute("DELETE FROM journal_entry WHERE seq > 3", [])?;
        db.execute(
            "UPDATE journal_entry SET state = 'queued' WHERE seq = 3",
            [],
        )?;
        db.execute(
            "UPDATE photo SET original_state = 'queued', preview_state = 'queued'",
            [],
        )?;
        Ok(())
    };
    world.local().store.write(work).unwrap();
    world.server.books.held.clear();
    world.server.books.forget_uploads();
    let problem = Some(Problem::Continued);
    assert_eq!(world.run(HOUR), (Ended::Done, problem.clone()));
    assert_eq!(queued(&mut world), 0);
    let held = &world.server.books.held;
    assert!(held.contains_key(&(photo, MediaKind::Original)));
    assert_eq!(world.run(HOUR), (Ended::Done, problem), "still told");
}

#[test]
fn an_order_that_is_short_is_noticed_on_whichever_page_it_was_told() {
    let mut world = World::new();
    let mut item = order_item(order(1), server_entries(order(1), ME), false);
    item.count += 1;
    let mut first = page("2", vec![FeedItem::Order(item.clone())]);
    first.more = true;
    let last = page("3", Vec::new());
    let mut bring = |page: &FeedPage| {
        let change = Change::Page(Box::new(page.clone()));
        world.local().persist(change).unwrap()
    };
    assert_eq!(bring(&first), Stored::Done, "the rest may follow");
    assert_eq!(bring(&last), Stored::Anew);
    // What does not come with the whole scope either is not asked for again.
    item.whole = true;
    first.items = vec![FeedItem::Order(item)];
    assert_eq!(bring(&first), Stored::Done);
    assert_eq!(bring(&last), Stored::Done);
}

#[test]
fn a_parked_record_holds_up_nothing_and_is_left_out_of_the_fold() {
    let mut world = World::new();
    let parked = world.note();
    world.note();
    world.server.parks.insert(parked);
    assert_eq!(world.run(HOUR), (Ended::Done, None));
    let counts = journal::counts(world.local().store.read()).unwrap();
    assert_eq!((counts.queued, counts.parked), (0, 1));
    let state = crate::fold::refold(world.local().store.read(), order(1))
        .unwrap()
        .unwrap();
    let server = world.server.trace_of(order(1)).len();
    assert_eq!(state.records as usize, server);
    assert_eq!(state.status, Status::Routed);
}

#[test]
fn an_expired_token_is_renewed_once_and_everything_goes_on() {
    let mut world = World::new();
    world.note();
    world.server.token = 1;
    assert_eq!(world.run(HOUR), (Ended::Done, None));
    world.assert_converged();
    let tokens = world.local().secrets.tokens().unwrap().clone();
    assert_eq!(tokens.access_token, "access-1");
}

#[test]
fn a_restored_server_that_is_heard_of_during_a_renewal_starts_no_second_renewal() {
    let mut world = World::new();
    world.note();
    world.photograph(24);
    world.begin(HOUR);
    // The record goes over; the feed and the photos ask side by side.
    while world.asked.len() < 2 {
        world.meet(0, &Fate::Through);
    }
    world.server.token = 1;
    world.meet(0, &Fate::Through);
    assert!(world.asked.iter().any(|(lane, ..)| *lane == Lane::Session));
    // The other lane, whose token still held when it asked, hears of the restored server.
    let books = world.server.books.clone();
    world.server.restore(books);
    let other = world
        .asked
        .iter()
        .position(|(lane, ..)| *lane != Lane::Session);
    world.asked[other.unwrap()].2 = 1;
    world.meet(other.unwrap(), &Fate::Through);
    assert_eq!(world.go_on(), (Ended::Done, None));
    world.assert_converged();
}

#[test]
fn the_next_batch_is_on_its_way_before_the_last_one_is_marked_as_held() {
    let mut world = World::new();
    world.batches = 2;
    world.notes(5);
    assert_eq!(world.run(HOUR), (Ended::Done, None));
    world.assert_converged();
    // Six with the opening: the second goes while none is marked, the third after two are.
    assert_eq!(world.waited, [6, 6, 4]);
}

#[test]
fn a_batch_made_ahead_does_not_go_when_the_one_before_it_is_not_held() {
    for fate in [
        Fate::AnswerLost,
        Fate::Html,
        Fate::Maintenance,
        Fate::Problem(Code::AuthExpired),
        Fate::Problem(Code::Internal),
    ] {
        let mut world = World::new();
        world.batches = 2;
        world.notes(5);
        world.begin(HOUR);
        world.meet(0, &fate);
        assert!(
            !world.asked.iter().any(|(lane, ..)| *lane == Lane::Journal),
            "{fate:?}"
        );
        assert_eq!(world.go_on(), (Ended::Done, None), "{fate:?}");
        world.assert_converged();
    }
}

#[test]
fn a_batch_made_ahead_does_not_go_when_the_time_or_the_bytes_are_spent() {
    let mut world = World::new();
    world.batches = 2;
    world.notes(5);
    world.begin(Budget::seconds(60));
    world.clock.pass(61_000);
    world.meet(0, &Fate::Through);
    assert_eq!(world.ended.as_ref().unwrap().0, Ended::BudgetSpent);
    assert_eq!(world.waited.len(), 1);
    // As many bytes as one batch takes.
    let bytes = world.spent.sent;
    let budget = Budget {
        bytes: Some(bytes + bytes / 2),
        ..HOUR
    };
    assert_eq!(world.run(budget).0, Ended::BudgetSpent);
    assert_eq!(world.waited.len(), 2);
    assert_eq!(world.run(HOUR), (Ended::Done, None));
    world.assert_converged();
}

#[test]
fn a_login_that_expires_offline_stops_sending_and_never_recording() {
    let mut world = World::new();
    world.note();
    world.server.token = 1;
    world.begin(HOUR);
    world.meet(0, &Fate::Through);
    // The renewal is refused.
    let (lane, ..) = world.asked.remove(0);
    let reply = world.server.problem(Code::AuthReplayed);
    world.tell(Event::Replied {
        lane,
        reply: crate::engine::Reply::Http(reply),
        sent: 0,
        received: 0,
        asked: gridcrew_sync_protocol::time::Millis(0),
    });
    let (ended, problem) = world.ended.clone().unwrap();
    assert_eq!(ended, Ended::Blocked);
    assert_eq!(
        problem,
        Some(Problem::SessionOver {
            code: "auth.replayed".to_owned()
        })
    );
    world.note();
    assert_eq!(queued(&mut world), 3);
}

#[test]
fn new_tokens_that_are_not_taken_either_end_no_session_and_are_asked_for_ever_more_rarely() {
    let mut world = World::new();
    world.note();
    world.begin(HOUR);
    let began = world.now().0;
    for token in 1..=5 {
        // Whatever was given before expires on its way.
        world.server.token = token;
        while !matches!(world.asked.first(), Some((Lane::Session, ..))) {
            assert_eq!(world.ended, None);
            if world.asked.is_empty() {
                world.sleep();
            } else {
                world.meet(0, &Fate::Through);
            }
        }
        world.meet(0, &Fate::Through);
    }
    let waited = world.now().0 - began;
    assert!(waited > 3_000, "{waited} ms");
    assert_eq!(world.go_on(), (Ended::Done, None));
    world.assert_converged();
}

#[test]
fn a_renewal_that_is_lost_in_a_dead_zone_is_asked_for_again() {
    let mut world = World::new();
    world.note();
    world.server.token = 1;
    world.begin(HOUR);
    world.meet(0, &Fate::Through);
    for fate in [Fate::Lost, Fate::AnswerLost, Fate::Html, Fate::Maintenance] {
        assert!(matches!(world.asked[0].1, Request::Refresh));
        world.meet(0, &fate);
        world.sleep();
    }
    assert_eq!(world.go_on(), (Ended::Done, None));
    world.assert_converged();
}

#[test]
fn a_revoked_handheld_offers_its_records_once_and_keeps_them() {
    let mut world = World::new();
    world.notes(1_203);
    world.server.revoked = true;
    assert_eq!(world.run(HOUR), (Ended::Blocked, Some(Problem::Revoked)));
    assert_eq!(queued(&mut world), 1_204);
    let all: BTreeSet<Seq> = (1..=1_204).map(Seq).collect();
    assert_eq!(world.server.apart, (all, 3));
    // What it learns of first is another lane's refusal.
    world.notes(1);
    world.begin(HOUR);
    world.meet(0, &Fate::Through);
    assert_eq!(world.go_on(), (Ended::Blocked, Some(Problem::Revoked)));
    let (apart, batches) = &world.server.apart;
    assert_eq!((apart.len(), *batches), (1_205, 5), "not all of it again");
    // It was an error.
    world.server.revoked = false;
    assert_eq!(world.run(HOUR), (Ended::Done, None));
    world.assert_converged();
}

#[test]
fn who_is_let_in_again_while_his_records_are_kept_apart_sends_them_as_ever() {
    for restored in [false, true] {
        let mut world = World::new();
        world.notes(1_203);
        let backup = world.server.books.clone();
        world.server.revoked = true;
        world.begin(HOUR);
        while world.server.apart.1 == 0 {
            world.meet(0, &Fate::Through);
        }
        world.server.revoked = false;
        if restored {
            world.server.restore(backup);
        }
        assert_eq!(world.go_on(), (Ended::Done, None), "restored: {restored}");
        world.assert_converged();
    }
}

#[test]
fn a_revocation_that_is_heard_of_at_the_renewal_of_the_token_ends_the_sync_too() {
    let mut world = World::new();
    world.note();
    world.server.revoked = true;
    world.server.token = 1;
    assert_eq!(world.run(HOUR), (Ended::Blocked, Some(Problem::Revoked)));
    assert_eq!(queued(&mut world), 2);
    let row = orders::get(world.local().store.read(), order(1)).unwrap();
    assert!(row.unwrap().details.is_none());
}

#[test]
fn a_revoked_handheld_gives_up_its_scope_but_not_its_records() {
    for refusal in [Code::AuthRevoked, Code::AuthForbidden] {
        let mut world = World::new();
        world.note();
        world.run(HOUR);
        world.server.orders.push(order(2));
        world.server.tells += 1;
        world.run(HOUR);
        let local = world.local();
        bring_order(local, order(3));
        local.record(order(3), note("unsent"), None, &[]).unwrap();
        world.begin(HOUR);
        while world.ended.is_none() {
            match world.asked.first() {
                None => world.sleep(),
                Some((Lane::Feed, ..)) => world.meet(0, &Fate::Problem(refusal)),
                Some((Lane::Session, ..)) => panic!("the token is not at fault"),
                Some(_) => world.meet(0, &Fate::Lost),
            }
        }
        let db = world.local().store.read();
        for gone in [1, 2] {
            let row = orders::get(db, order(gone)).unwrap();
            assert!(row.is_none(), "{refusal}: {gone}");
        }
        let kept = orders::get(db, order(3)).unwrap().unwrap();
        assert!(kept.gone && kept.details.is_none(), "{refusal}");
        assert_eq!(scope::counts(db).unwrap(), (0, 0));
        assert_eq!(scope::feed(db).unwrap().cursor, None);
        assert_eq!(queued(&mut world), 1, "{refusal}");
    }
}

#[test]
fn a_page_that_was_under_way_when_the_scope_was_given_up_brings_nothing_back() {
    let mut world = World::new();
    world.note();
    world.run(HOUR);
    world.photograph(40);
    world.begin(HOUR);
    let under_way = |world: &World, lane: Lane| {
        let mut lanes = world.asked.iter().map(|(lane, ..)| *lane);
        lanes.position(|one| one == lane)
    };
    while under_way(&world, Lane::Feed).is_none() || under_way(&world, Lane::Previews).is_none() {
        let push = under_way(&world, Lane::Journal).unwrap();
        world.meet(push, &Fate::Through);
    }
    world.note();
    let preview = under_way(&world, Lane::Previews).unwrap();
    world.meet(preview, &Fate::Problem(Code::AuthRevoked));
    let page = under_way(&world, Lane::Feed).unwrap();
    world.meet(page, &Fate::Through);
    assert_eq!(
        scope::feed(world.local().store.read()).unwrap().cursor,
        None
    );
    world.server.revoked = true;
    assert_eq!(world.go_on(), (Ended::Blocked, Some(Problem::Revoked)));
    let db = world.local().store.read();
    assert_eq!(scope::feed(db).unwrap().cursor, None);
    let row = orders::get(db, order(1)).unwrap();
    assert!(row.unwrap().details.is_none());
}

#[test]
fn maintenance_costs_no_attempt_and_a_change_of_network_ends_every_wait() {
    let mut world = World::new();
    world.note();
    world.begin(HOUR);
    let mut waits = Vec::new();
    for _ in 0..8 {
        let from = world.clock.uptime.load(std::sync::atomic::Ordering::SeqCst);
        world.meet(0, &Fate::Maintenance);
        waits.push(world.wake.unwrap() - from);
        world.sleep();
    }
    assert!(waits.iter().all(|wait| *wait < 8_000), "{waits:?}");
    for _ in 0..6 {
        world.meet(0, &Fate::Lost);
        world.sleep();
    }
    world.meet(0, &Fate::Lost);
    assert!(world.asked.is_empty());
    world.tell(Event::NetworkChanged);
    assert_eq!(world.asked.len(), 1, "it is tried at once");
    assert_eq!(world.go_on(), (Ended::Done, None));
}

#[test]
fn a_server_that_asks_for_quiet_is_left_in_peace_by_every_lane_and_it_costs_no_attempt() {
    for code in [Code::Unavailable, Code::TooManyRequests, Code::StorageFull] {
        let mut world = World::new();
        world.note();
        world.photograph(24);
        world.begin(HOUR);
        for asked in [1_000, 7_000, 90_000] {
            let from = world.clock.uptime.load(std::sync::atomic::Ordering::SeqCst);
            let (lane, ..) = world.asked.remove(0);
            let quiet = HttpReply {
                retry_after: Some(Millis(asked)),
                ..world.server.problem(code)
            };
            world.tell(Event::Replied {
                lane,
                reply: Reply::Http(quiet),
                sent: 0,
                received: 0,
                asked: Millis(0),
            });
            // Something new is no reason to come sooner.
            world.note();
            assert!(world.asked.is_empty(), "{code}: {asked}");
            let wait = world.wake.unwrap() - from;
            let longest = asked + (asked / 4).max(250) + 500;
            assert!((asked..=longest).contains(&wait), "{code}: {asked}, {wait}");
            world.sleep();
        }
        // The first failure that counts waits as the first one does.
        let from = world.clock.uptime.load(std::sync::atomic::Ordering::SeqCst);
        world.meet(0, &Fate::Lost);
        let wait = world.wake.unwrap() - from;
        assert!(wait <= 1_000 + 500 + 50, "{code}: {wait}");
        assert_eq!(world.go_on(), (Ended::Done, None));
        world.assert_converged();
    }
}

#[test]
fn a_stuck_photo_never_stops_a_record() {
    let mut world = World::new();
    world.photograph(24);
    world.begin(HOUR);
    while !world
        .asked
        .iter()
        .any(|(_, request, _)| matches!(request, Request::Chunk { .. }))
    {
        world.meet(0, &Fate::Through);
    }
    // The chunk hangs. Meanwhile something is recorded.
    world.note();
    let push = world
        .asked
        .iter()
        .position(|(_, request, _)| matches!(request, Request::Push(_)))
        .expect("the record goes although the photo hangs");
    world.meet(push, &Fate::Through);
    assert_eq!(queued(&mut world), 0);
    assert_eq!(world.go_on(), (Ended::Done, None));
    world.assert_converged();
}

#[test]
fn one_photo_that_the_server_refuses_does_not_keep_the_others_back() {
    let mut world = World::new();
    let bad = world.photograph(24);
    world.photograph(25);
    world.begin(HOUR);
    let mut refused = 0;
    while world.ended.is_none() {
        if world.asked.is_empty() {
            world.sleep();
            continue;
        }
        let is_bad = matches!(&world.asked[0].1, Request::Chunk { upload, .. }
            if upload.photo == bad && upload.kind == MediaKind::Original);
        if is_bad {
            let (lane, request, _) = world.asked.remove(0);
            let Request::Chunk { length, .. } = request else {
                unreachable!()
            };
            refused += 1;
            let reply = world.server.problem(Code::MediaNoPicture);
            world.tell(Event::Replied {
                lane,
                reply: crate::engine::Reply::Http(reply),
                sent: length,
                received: 0,
                asked: gridcrew_sync_protocol::time::Millis(0),
            });
        } else {
            world.meet(0, &Fate::Through);
        }
    }
    assert_eq!(refused, 1);
    assert_eq!(world.ended, Some((Ended::Done, Some(Problem::PhotosStuck))));
    let counts = photos::counts(world.local().store.read()).unwrap();
    assert_eq!((counts.held, counts.refused), (1, 1));
}

#[test]
fn a_photo_that_failed_and_was_then_said_to_be_held_is_not_looked_for_again() {
    for kind in [MediaKind::Preview, MediaKind::Original] {
        let mut world = World::new();
        world.photograph(24);
        world.begin(HOUR);
        let mut lost = 0;
        while world.ended.is_none() {
            if world.asked.is_empty() {
                world.sleep();
                continue;
            }
            let last = matches!(&world.asked[0].1, Request::Chunk { upload, .. }
                if upload.kind == kind);
            if last && lost == 0 {
                lost += 1;
                world.meet(0, &Fate::AnswerLost);
            } else {
                world.meet(0, &Fate::Through);
            }
        }
        assert_eq!((lost, world.ended.clone()), (1, Some((Ended::Done, None))));
        world.assert_converged();
    }
}

#[test]
fn an_upload_that_broke_off_goes_on_at_the_byte() {
    let mut world = World::new();
    let photo = world.photograph(760);
    world.begin(HOUR);
    let mut chunks = Vec::new();
    let mut breaks = 0;
    while world.ended.is_none() {
        if world.asked.is_empty() {
            world.sleep();
            continue;
        }
        let mut fate = Fate::Through;
        if let Request::Chunk { offset, upload, .. } = &world.asked[0].1
            && upload.kind == MediaKind::Original
        {
            chunks.push(*offset);
            breaks += 1;
            if breaks == 2 {
                fate = Fate::Half;
            }
        }
        world.meet(0, &fate);
    }
    assert_eq!(world.ended, Some((Ended::Done, None)));
    let bytes = world.server.books.held[&(photo, MediaKind::Original)].len() as u64;
    assert!(bytes > 512 * 1024, "{bytes}");
    let half = 256 * 1024 + 128 * 1024;
    assert_eq!(chunks[..3], [0, 256 * 1024, half]);
    world.assert_converged();
}

#[test]
fn a_preview_that_the_server_does_not_want_is_done_with_and_nothing_is_asked_again() {
    let mut world = World::new();
    world.photograph(26);
    world.begin(HOUR);
    let mut unwanted = 0;
    while world.ended.is_none() {
        if world.asked.is_empty() {
            world.sleep();
            continue;
        }
        let is_preview = matches!(&world.asked[0].1, Request::Create(upload)
            if upload.kind == MediaKind::Preview);
        if is_preview {
            let (lane, ..) = world.asked.remove(0);
            unwanted += 1;
            let reply = world.server.problem(Code::MediaPreviewNotWanted);
            world.tell(Event::Replied {
                lane,
                reply: crate::engine::Reply::Http(reply),
                sent: 0,
                received: 0,
                asked: gridcrew_sync_protocol::time::Millis(0),
            });
        } else {
            world.meet(0, &Fate::Through);
        }
    }
    assert_eq!(
        (unwanted, world.ended.clone()),
        (1, Some((Ended::Done, None)))
    );
}

#[test]
fn on_a_metered_link_previews_go_and_originals_wait() {
    let mut world = World::new();
    world.photograph(24);
    let budget = Budget {
        metered: true,
        ..HOUR
    };
    assert_eq!(world.run(budget), (Ended::Done, None));
    let counts = photos::counts(world.local().store.read()).unwrap();
    assert_eq!((counts.previews_waiting, counts.originals_waiting), (0, 1));
    assert_eq!(world.run(HOUR), (Ended::Done, None));
    world.assert_converged();
}

#[test]
fn a_budget_of_bytes_is_kept_and_what_came_through_stays() {
    let mut world = World::new();
    world.photograph(520);
    let budget = Budget {
        bytes: Some(100_000),
        ..HOUR
    };
    let mut syncs = 0;
    loop {
        syncs += 1;
        assert!(syncs < 20, "no progress");
        world.begin(budget);
        let spent = loop {
            if world.ended.is_some() {
                break None;
            }
            let spent = world.engine.as_ref().map(|engine| engine.spent());
            if world.asked.is_empty() {
                world.sleep();
            } else {
                world.meet(0, &Fate::Through);
            }
            if world.ended.is_some() {
                break spent;
            }
        };
        if let Some(spent) = spent {
            assert!(spent.sent <= 100_000, "{spent:?}");
        }
        if world.ended.as_ref().unwrap().0 == Ended::Done {
            break;
        }
    }
    assert!(syncs > 3, "{syncs}");
    world.assert_converged();
}

#[test]
fn a_budget_of_bytes_is_kept_both_ways_to_the_page_and_to_the_chunk() {
    for bytes in [1, 60, 600, 6_000, 60_000, 600_000] {
        let mut world = World::new();
        world.notes(30);
        world.photograph(620);
        world.server.orders.extend((2..40).map(order));
        let budget = Budget {
            bytes: Some(bytes),
            ..HOUR
        };
        for _ in 0..12 {
            let (ended, _) = world.run(budget);
            let spent = world.spent;
            assert!(spent.sent <= bytes, "{bytes}: {spent:?}");
            // What comes is known only when it is there: a page of the feed or an answer.
            let most = bytes + world.largest_answer;
            assert!(spent.sent + spent.received <= most, "{bytes}: {spent:?}");
            if ended == Ended::Done {
                break;
            }
        }
    }
}

#[test]
fn a_budget_of_seconds_ends_a_sync_that_cannot_get_through() {
    let mut world = World::new();
    world.note();
    world.begin(Budget::seconds(20));
    while world.ended.is_none() {
        if world.asked.is_empty() {
            world.sleep();
        } else {
            world.meet(0, &Fate::Lost);
        }
    }
    let (ended, problem) = world.ended.clone().unwrap();
    assert_eq!(ended, Ended::BudgetSpent);
    assert!(matches!(problem, Some(Problem::Unreachable { .. })));
    assert!(world.clock.uptime.load(std::sync::atomic::Ordering::SeqCst) <= 21_000);
}

/// What may become of the requests of one lane, sync after sync, with the others whole.
const LANE_TROUBLES: [Fate; 8] = [
    Fate::Problem(Code::Internal),
    Fate::Problem(Code::RequestTimeout),
    Fate::Problem(Code::StorageFull),
    Fate::Problem(Code::AuthForbidden),
    Fate::Proxy(413),
    Fate::Proxy(502),
    Fate::Maintenance,
    Fate::Lost,
];

/// Runs a sync of ten minutes in which the requests of that lane all meet the same fate;
/// gives how many there were.
fn run_with_trouble(world: &mut World, lane: Lane, fate: &Fate) -> u32 {
    world.begin(Budget::seconds(600));
    let mut troubled = 0;
    while world.ended.is_none() {
        match world.asked.first() {
            None => world.sleep(),
            Some((other, ..)) if *other == lane => {
                troubled += 1;
                world.meet(0, fate);
            }
            Some(_) => world.meet(0, &Fate::Through),
        }
    }
    troubled
}

#[test]
fn pushes_that_never_go_through_keep_neither_the_feed_nor_the_photos_back() {
    for fate in LANE_TROUBLES {
        let mut world = World::new();
        let photo = world.photograph(24);
        world.run(HOUR);
        // The photo is wanted again, and there is a new order.
        world
            .local()
            .store
            .write(|db| photos::lost(db, photo, MediaKind::Original))
            .unwrap();
        world.server.books.held.clear();
        world.server.orders.push(order(2));
        world.server.tells += 1;
        world.note();
        let tries = run_with_trouble(&mut world, Lane::Journal, &fate);
        assert!((1..120).contains(&tries), "{fate:?}: {tries} tries");
        let db = world.local().store.read();
        assert!(orders::get(db, order(2)).unwrap().is_some(), "{fate:?}");
        let counts = photos::counts(db).unwrap();
        assert_eq!(counts.originals_waiting, 0, "{fate:?}");
        assert_eq!(queued(&mut world), 1, "{fate:?}");
        assert_eq!(world.run(HOUR), (Ended::Done, None), "{fate:?}");
    }
}

#[test]
fn a_feed_that_never_goes_through_keeps_no_photo_back() {
    for fate in LANE_TROUBLES {
        let mut world = World::new();
        world.note();
        world.photograph(64);
        run_with_trouble(&mut world, Lane::Feed, &fate);
        assert_eq!(queued(&mut world), 0, "{fate:?}");
        let counts = photos::counts(world.local().store.read()).unwrap();
        assert_eq!(counts.originals_waiting, 0, "{fate:?}");
    }
}

#[test]
fn a_page_with_a_position_that_cannot_be_stored_is_not_the_servers_and_keeps_no_photo_back() {
    let mut world = World::new();
    world.photograph(24);
    world.begin(HOUR);
    let mut entries = server_entries(order(2), ME);
    entries[1].id.seq = Seq(1 << 63);
    let item = order_item(order(2), entries, true);
    let wrong = page("2", vec![FeedItem::Order(item)]);
    for _ in 0..1_000 {
        let Some((lane, ..)) = world.asked.first() else {
            if world.ended.is_some() {
                break;
            }
            world.sleep();
            continue;
        };
        if *lane != Lane::Feed {
            world.meet(0, &Fate::Through);
            continue;
        }
        world.asked.remove(0);
        let answer = HttpReply {
            status: 200,
            media_type: PACKED.to_owned(),
            epoch: Some(world.server.epoch),
            body: wire::pack(&wrong),
            ..HttpReply::default()
        };
        world.tell(Event::Replied {
            lane: Lane::Feed,
            reply: Reply::Http(answer),
            sent: 0,
            received: 0,
            asked: Millis(0),
        });
    }
    let (ended, problem) = world.ended.clone().unwrap();
    assert_eq!(ended, Ended::BudgetSpent);
    assert!(matches!(problem, Some(Problem::NotTheServer { .. })));
    let db = world.local().store.read();
    assert_eq!(photos::counts(db).unwrap().originals_waiting, 0);
    assert_eq!(orders::get(db, order(2)).unwrap(), None);
}

#[test]
fn photos_of_one_kind_that_never_go_through_keep_no_record_no_page_and_not_the_other_kind_back() {
    let kinds = [
        (Lane::Previews, MediaKind::Original),
        (Lane::Originals, MediaKind::Preview),
    ];
    for (fate, (lane, other)) in LANE_TROUBLES
        .iter()
        .flat_map(|fate| kinds.map(|kind| (fate, kind)))
    {
        let mut world = World::new();
        let photo = world.photograph(24);
        world.server.orders.push(order(2));
        run_with_trouble(&mut world, lane, fate);
        assert_eq!(queued(&mut world), 0, "{fate:?}");
        let db = world.local().store.read();
        assert!(orders::get(db, order(2)).unwrap().is_some(), "{fate:?}");
        let held = &world.server.books.held;
        assert!(held.contains_key(&(photo, other)), "{lane:?} {fate:?}");
    }
}

#[test]
fn a_preview_made_during_an_original_goes_beside_the_chunk_under_way_and_before_the_next() {
    let mut world = World::new();
    let large = world.photograph(700);
    world.begin(HOUR);
    let chunk = |world: &World| {
        let mut asked = world.asked.iter();
        asked.position(|(_, request, _)| matches!(request, Request::Chunk { upload, .. } if upload.kind == MediaKind::Original))
    };
    while chunk(&world).is_none() {
        world.meet(0, &Fate::Through);
    }
    let new = world.photograph(24);
    // The chunk hangs; everything else goes on beside it.
    while !world
        .server
        .books
        .held
        .contains_key(&(new, MediaKind::Preview))
    {
        let hangs = chunk(&world).unwrap();
        let other = (0..world.asked.len()).find(|place| *place != hangs);
        world.meet(
            other.expect("something goes beside the chunk"),
            &Fate::Through,
        );
    }
    assert!(
        !world
            .server
            .books
            .held
            .contains_key(&(large, MediaKind::Original))
    );

    // The chunk comes through while a preview is under way: the original waits.
    world.photograph(25);
    loop {
        let hangs = chunk(&world).unwrap();
        match world
            .asked
            .iter()
            .position(|(lane, ..)| *lane == Lane::Previews)
        {
            Some(_) => break world.meet(hangs, &Fate::Through),
            None => {
                let other = (0..world.asked.len()).find(|place| *place != hangs);
                world.meet(other.unwrap(), &Fate::Through);
            }
        }
    }
    let lanes: Vec<Lane> = world.asked.iter().map(|(lane, ..)| *lane).collect();
    assert!(
        lanes.contains(&Lane::Previews) && !lanes.contains(&Lane::Originals),
        "{lanes:?}"
    );
    assert_eq!(world.go_on(), (Ended::Done, None));
    world.assert_converged();
}

#[test]
fn a_photo_whose_file_was_changed_is_flagged_and_the_others_go_on() {
    let mut world = World::new();
    let damaged = world.photograph(24);
    let fine = world.photograph(25);
    let path = world.local().folder.photo(damaged);
    std::fs::write(&path, b"something else").unwrap();
    assert_eq!(world.run(HOUR).0, Ended::Done);
    let held = &world.server.books.held;
    assert!(held.contains_key(&(fine, MediaKind::Original)));
    assert!(!held.contains_key(&(damaged, MediaKind::Original)));
    let counts = photos::counts(world.local().store.read()).unwrap();
    assert_eq!(counts.damaged, 1);
}

#[test]
fn a_photo_that_cannot_be_read_holds_up_nothing_and_is_looked_at_again() {
    let mut world = World::new();
    let unreadable = world.photograph(24);
    let fine = world.photograph(25);
    // Reading a folder fails, as reading a bad sector does.
    let path = world.local().folder.photo(unreadable);
    let aside = path.with_extension("aside");
    std::fs::rename(&path, &aside).unwrap();
    std::fs::create_dir(&path).unwrap();
    assert_eq!(world.run(HOUR).0, Ended::Done);
    assert_eq!(queued(&mut world), 0);
    let held = &world.server.books.held;
    assert!(held.contains_key(&(fine, MediaKind::Original)));
    let counts = photos::counts(world.local().store.read()).unwrap();
    assert_eq!(counts.damaged, 1);
    let standing = photos::of_order(world.local().store.read(), order(1)).unwrap();
    let of = |digest| standing.iter().find(|one| one.digest == digest).unwrap();
    let reason = of(unreadable).original_reason.clone().unwrap();
    assert!(reason.starts_with(photos::UNREADABLE), "{reason}");
    // The disk has recovered.
    std::fs::remove_dir(&path).unwrap();
    std::fs::rename(&aside, &path).unwrap();
    assert_eq!(world.run(HOUR), (Ended::Done, None));
    world.assert_converged();
}

#[test]
fn a_server_that_says_it_forked_while_it_did_not_is_asked_again() {
    let mut world = World::new();
    world.note();
    world.run(HOUR);
    world.note();
    // The wish for a new journal is there, the server knows of no fork.
    let (seq, link) = journal::head(world.local().store.read(), JOURNAL).unwrap();
    assert_eq!(seq, Seq(3));
    let before = journal::link_at(world.local().store.read(), JOURNAL, Seq(2))
        .unwrap()
        .unwrap();
    assert_ne!(before, link);
    let change = crate::engine::Change::Forked {
        journal: JOURNAL,
        first: Seq(3),
        common: Seq(2),
        link: before,
        parked: Vec::new(),
    };
    world.local().persist(change).unwrap();
    assert_eq!(world.run(HOUR), (Ended::Done, None));
    let identity = identity::require(world.local().store.read()).unwrap();
    assert_eq!(identity.journal, JOURNAL);
    world.assert_converged();
    let unknown = JournalId(uuid::Uuid::from_u128(77));
    assert!(!world.server.books.journals.contains_key(&unknown));
}

#[test]
fn how_the_handheld_stands_is_told_last_and_only_when_it_is_news() {
    let mut world = World::new();
    world.note();
    world.photograph(24);
    world.begin(HOUR);
    let mut lanes = Vec::new();
    while world.ended.is_none() {
        lanes.push(world.asked[0].0);
        world.meet(0, &Fate::Through);
    }
    assert_eq!(lanes.last(), Some(&Lane::Diagnostics));
    assert_eq!(
        lanes
            .iter()
            .filter(|lane| **lane == Lane::Diagnostics)
            .count(),
        1
    );
    assert_eq!(world.server.diagnosed.len(), 1);
    assert_eq!(world.server.diagnosed[0].records_waiting, 0);
    assert_eq!(world.run(HOUR), (Ended::Done, None));
    assert_eq!(world.server.diagnosed.len(), 1, "nothing new");
    // Parked records are.
    let parked = world.note();
    world.server.parks.insert(parked);
    assert_eq!(world.run(HOUR), (Ended::Done, None));
    assert_eq!(world.server.diagnosed.len(), 2);
    assert_eq!(world.server.diagnosed[1].records_parked, 1);
    // A restored server knows nothing of it.
    let books = world.server.books.clone();
    world.server.restore(books);
    assert_eq!(world.run(HOUR), (Ended::Done, None));
    assert_eq!(world.server.diagnosed.len(), 3);
}

#[test]
fn diagnostics_that_go_wrong_trouble_no_sync() {
    for fate in [
        Fate::Lost,
        Fate::AnswerLost,
        Fate::Html,
        Fate::Proxy(404),
        Fate::Maintenance,
        Fate::Problem(Code::RequestMalformed),
    ] {
        let mut world = World::new();
        world.note();
        world.begin(HOUR);
        while world.ended.is_none() {
            let last = world.asked[0].0 == Lane::Diagnostics;
            world.meet(0, if last { &fate } else { &Fate::Through });
        }
        assert_eq!(world.ended, Some((Ended::Done, None)), "{fate:?}");
        // The next sync tells it.
        let told = world.server.diagnosed.len();
        assert_eq!(world.run(HOUR), (Ended::Done, None));
        assert_eq!(world.server.diagnosed.len(), told + 1);
    }
}

#[test]
fn a_device_that_saves_its_battery_sends_records_and_previews_only() {
    let mut world = World::new();
    world.note();
    world.photograph(24);
    let saving = Budget {
        battery_saver: true,
        ..HOUR
    };
    assert_eq!(world.run(saving).0, Ended::Done);
    assert_eq!(queued(&mut world), 0);
    let counts = photos::counts(world.local().store.read()).unwrap();
    assert_eq!((counts.originals_waiting, counts.previews_waiting), (1, 0));
    assert_eq!(world.server.diagnosed.len(), 0);
    assert_eq!(world.run(HOUR), (Ended::Done, None));
    world.assert_converged();
}

#[test]
fn the_person_who_looks_again_ends_every_wait() {
    let mut world = World::new();
    world.note();
    world.begin(HOUR);
    for _ in 0..6 {
        world.meet(0, &Fate::Lost);
        world.sleep();
    }
    world.meet(0, &Fate::Lost);
    assert!(world.asked.is_empty());
    world.tell(Event::Foreground);
    assert_eq!(world.asked.len(), 1, "it is tried at once");
    assert_eq!(world.go_on(), (Ended::Done, None));
}
