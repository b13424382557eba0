//! Laws: whatever happens in whatever order, once the link is whole again every record is
//! held exactly once and nothing is stuck.

use super::{
    model::Books,
    world::{Fate, World},
};
use crate::engine::{Budget, Ended, Event};
use proptest::prelude::*;

/// One thing that happens.
#[derive(Clone, Debug)]
enum Happening {
    Note,
    Photograph,
    Sync,
    Meet(usize, Fate),
    Sleep,
    NetworkChanged,
    Crash,
    Backup,
    Restore,
    TokenExpires,
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        6 => Just(Fate::Through),
        1 => Just(Fate::Lost),
        2 => Just(Fate::AnswerLost),
        1 => Just(Fate::Html),
        1 => prop_oneof![Just(404u16), Just(413), Just(401), Just(502)].prop_map(Fate::Proxy),
        1 => Just(Fate::Maintenance),
        1 => Just(Fate::Half),
        1 => Just(Fate::Truncated),
    ]
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => Just(Happening::Note),
        2 => Just(Happening::Photograph),
        4 => Just(Happening::Sync),
        16 => (any::<usize>(), fate()).prop_map(|(which, fate)| Happening::Meet(which, fate)),
        4 => Just(Happening::Sleep),
        1 => Just(Happening::NetworkChanged),
        2 => Just(Happening::Crash),
        1 => Just(Happening::Backup),
        1 => Just(Happening::Restore),
        1 => Just(Happening::TokenExpires),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn every_record_is_held_exactly_once_and_nothing_is_stuck(
        happenings in prop::collection::vec(happening(), 1..80),
        batches in prop_oneof![Just(500usize), 1..4usize],
    ) {
        let budget = Budget::seconds(24 * 3_600);
        let mut world = World::new();
        world.batches = batches;
        let mut backup = Books::default();
        for happening in happenings {
            match happening {
                Happening::Note => { world.note(); }
                Happening::Photograph => { world.photograph(16); }
                Happening::Sync => world.begin(budget),
                Happening::Meet(which, fate) => world.meet(which, &fate),
                Happening::Sleep => world.sleep(),
                Happening::NetworkChanged => world.tell(Event::NetworkChanged),
                Happening::Crash => world.crash(),
                Happening::Backup => backup = world.server.books.clone(),
                Happening::Restore => world.server.restore(backup.clone()),
                Happening::TokenExpires => world.server.token += 1,
            }
        }
        // The link is whole again; a sync or two bring everything over.
        let mut ended = world.run(budget);
        for _ in 0..3 {
            ended = world.run(budget);
        }
        prop_assert_eq!(ended, (Ended::Done, None));
        world.assert_converged();
    }
}
