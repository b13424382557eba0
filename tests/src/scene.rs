//! The scene of most tests: a server with a small township of two cells, four managers and
//! a plain square of ground.

use crate::{
    books::Books,
    failure::{Failure, Fallible},
    postgres::TestDatabase,
    raw::RawHandheld,
    server::Server,
    township::{Cell, Township, row_of_areas, square},
};
use gridcrew_sync_protocol::ids::{OrderId, PersonId};
use std::path::Path;
use tempfile::TempDir;

/// The south-west corner of the ground, degrees of WGS-84.
pub const CORNER: [f64; 2] = [116.6, 32.8];
/// Its side in degrees.
pub const SIDE: f64 = 0.1;

/// A server, running, and its township.
#[derive(Debug)]
pub struct Scene {
    /// The server.
    pub server: Server,
    /// The township.
    pub township: Township,
    /// Its two cells, with A and B.
    pub cells: Vec<(Cell, PersonId, PersonId)>,
    /// Where the test may write; gone with the scene.
    pub folder: TempDir,
    database: TestDatabase,
}

impl Scene {
    /// Sets the scene on a fresh database.
    ///
    /// # Errors
    /// When any of it fails.
    pub async fn set(database: TestDatabase) -> Fallible<Self> {
        let folder = tempfile::tempdir()?;
        let data = folder.path().join("server");
        std::fs::create_dir_all(&data)?;
        Self::set_in(database, folder, &data).await
    }

    /// The same with the server's data at `data`, a folder that is there.
    ///
    /// # Errors
    /// When any of it fails.
    pub async fn set_at(database: TestDatabase, data: &Path) -> Fallible<Self> {
        Self::set_in(database, tempfile::tempdir()?, data).await
    }

    async fn set_in(database: TestDatabase, folder: TempDir, data: &Path) -> Fallible<Self> {
        let mut server = Server::on(data, database.url())?;
        server.start().await?;
        let township = Township::found(&server).await?;
        township
            .import(&square(CORNER, SIDE), &row_of_areas(CORNER, SIDE, 12))
            .await?
            .done()?;
        let mut cells = Vec::new();
        for (cell, number) in township.split(2).await?.into_iter().zip(1..) {
            let a = township.add_manager(&format!("a{number}")).await?;
            let b = township.add_manager(&format!("b{number}")).await?;
            township.set_roles(cell.id, a, b).await?;
            cells.push((cell, a, b));
        }
        Ok(Self {
            server,
            township,
            cells,
            folder,
            database,
        })
    }

    /// What the server's database holds.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub async fn books(&self) -> Fallible<Books> {
        Books::open(&self.database.url_for(self.server.data())).await
    }

    /// The database's address for another server process; `None` on SQLite.
    #[must_use]
    pub fn database(&self) -> Option<String> {
        self.database.url()
    }

    /// Takes in an order in the middle of the ground, and gives it with a handheld, made by
    /// hand, of the person who got it. The journal is open.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn order_with_handheld(&self, number: &str) -> Fallible<(OrderId, RawHandheld)> {
        let order = self.order(number).await?;
        let owner = self.owner(order).await?;
        let mut handheld = RawHandheld::enrol(&self.township, owner).await?;
        handheld.push_on(&[handheld.opening()]).await?;
        Ok((order, handheld))
    }

    /// The person who owns an order.
    ///
    /// # Errors
    /// When no person does.
    pub async fn owner(&self, order: OrderId) -> Fallible<PersonId> {
        let books = self.books().await?;
        let rows = books.orders().await?;
        books.close().await?;
        rows.iter()
            .find(|row| row.id == order)
            .and_then(|row| row.owner_person)
            .map(PersonId)
            .ok_or_else(|| Failure::new("no person owns the order"))
    }

    /// Takes in an order in the west of the ground: always in the same cell.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn order(&self, number: &str) -> Fallible<OrderId> {
        let (lon, lat) = (CORNER[0] + SIDE * 0.05, CORNER[1] + SIDE * 0.5);
        self.township.order_at(number, lon, lat).await
    }
}
