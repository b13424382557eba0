//! The authorisation matrix: every operation of the API, asked for by every role, about
//! things at every place of the organisation, and by those who may not ask at all.
//!
//! The way of the test through these files:
//!
//! 1. `founding` founds a `world` over HTTP, with what `making` can make: two centers below one, three stations, a crew,
//!    people of every role at their places, cells with A and B, customers, orders, photos;
//!    someone who moved, someone who was disabled, a handheld that was revoked. The world
//!    notes every fact as it makes it.
//! 2. `model` says from these facts alone who may see what. It shares nothing with the
//!    server's scope.
//! 3. `document` reads the operations from the server's own API document. Each must have its
//!    row in `rows`, and each row its operation: what is not in the table fails the test.
//! 4. `walk` asks every row by every caller about every target, and compares with what the
//!    row says: done, forbidden, or exactly the answer that a made-up id gets.
//! 5. `standing` asks every row without standing: by nobody, by who was disabled, with a
//!    handheld that was revoked, with a token from before a move; and does by hand what a
//!    table cannot: signing in, renewing, enrolling, signing out.

mod ask;
mod document;
mod founding;
mod making;
mod model;
mod row;
mod rows;
mod standing;
mod walk;
mod world;

use crate::{client::Client, failure::Fallible, postgres::TestDatabase, server::Server};

/// Founds a world on the database and holds the server to the whole matrix.
///
/// # Errors
/// The first operation that did otherwise than the matrix says, by whom and about what; or
/// the operations without a row and the rows without an operation.
pub async fn hold_to_it(database: TestDatabase) -> Fallible<()> {
    let folder = tempfile::tempdir()?;
    let mut server = Server::on(folder.path(), database.url())?;
    server.start().await?;
    let nobody = Client::of(&server.url()?)?;
    let operations = document::operations(&nobody.get("/openapi.json").await?.done()?)?;
    let table = document::matched(operations, rows::all())?;
    let mut world = founding::found(&server).await?;
    standing::without_standing(&world, &table).await?;
    walk::reads(&mut world, &table).await?;
    walk::writes(&mut world, &table).await?;
    // Whatever was written meanwhile must not show where it does not belong.
    walk::reads(&mut world, &table).await?;
    walk::references(&world).await?;
    standing::by_hand(&world).await
}
