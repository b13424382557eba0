//! Every operation, by every role, about things at every place: see the module `matrix`.

use gridcrew_tests::{both_databases, failure::Fallible, matrix, postgres::TestDatabase};

async fn every_operation_holds_to_the_matrix(database: TestDatabase) -> Fallible<()> {
    matrix::hold_to_it(database).await
}

both_databases! { every_operation_holds_to_the_matrix }
