//! Puts an invented township into an empty database.

use super::{
    Made, SignIn,
    township::{MANAGERS, TEAM, Township},
};
use crate::{
    app::App,
    edge::Problem,
    people::{
        Role,
        account::{NewPerson, create_person, set_password},
        enrolment::issue_enrolment_code,
        session::Which,
        tree::UnitKind,
        unit::{NewUnit, create_unit},
    },
    territory::{
        assign::Wish,
        content::Content,
        draft::TerritoryDraft,
        import::StationAreaDraft,
        refresh,
        shape::Shape,
        store::{NewCustomer, Proposal, accept, import_customers, set_roles},
    },
};
use gridcrew_sync_protocol::{
    ids::{CellId, OrgId, PersonId},
    position::Wgs84,
};
use sea_orm::DatabaseTransaction;
use std::collections::BTreeMap;

/// Most customers of one transaction.
const CHUNK: usize = 4_000;

/// A township in the database.
pub(super) struct Settled {
    /// Its clerk, who takes in orders.
    pub(super) clerk: PersonId,
    /// The managers, in the township's order.
    managers: Vec<PersonId>,
    sign_ins: Vec<SignIn>,
    /// The code of the station area whose customers the first manager serves.
    served: Option<String>,
    cells: usize,
}

impl Settled {
    /// The password of someone at a desk.
    pub(super) fn password_of(&self, login: &str) -> String {
        let found = self.sign_ins.iter().find(|sign_in| sign_in.login == login);
        found
            .map(|sign_in| sign_in.password.clone())
            .unwrap_or_default()
    }

    pub(super) fn into_made(
        self,
        township: &Township,
        enrolment_code: String,
        [orders, photos]: [usize; 2],
    ) -> Made {
        let account_no = township
            .areas
            .iter()
            .find(|area| Some(&area.code) == self.served.as_ref())
            .and_then(|area| area.customers.first())
            .map(|customer| customer.account_no.clone())
            .unwrap_or_default();
        let customers = township.areas.iter().map(|area| area.customers.len()).sum();
        Made {
            sign_ins: self.sign_ins,
            enrolment_code,
            manager: township
                .managers
                .first()
                .map(|(name, _)| name.clone())
                .unwrap_or_default(),
            account_no,
            counts: [township.areas.len(), customers, self.cells, orders, photos],
        }
    }
}

/// The people who sign in at a desk: login, who, role.
const DESKS: [(&str, &str, Role); 3] = [
    ("admin", "系统管理员 administrator", Role::Administrator),
    ("center", "管控中心 management center", Role::Center),
    ("station", "供电所内勤 station clerk", Role::Station),
];

/// Settles the township.
///
/// # Errors
/// A problem of the database.
pub(super) async fn settle(app: &App, township: &Township) -> Result<Settled, Problem> {
    let (center, station, teams) = units(app).await?;
    let mut sign_ins = Vec::new();
    let mut clerk = None;
    for (login, who, role) in DESKS {
        let org = if role == Role::Station {
            station
        } else {
            center
        };
        let (person, password) = with_password(app, org, login, who, role).await?;
        clerk = (role == Role::Station).then_some(person).or(clerk);
        sign_ins.push(SignIn {
            who: who.to_owned(),
            login: login.to_owned(),
            password,
        });
    }
    let clerk = clerk.ok_or_else(|| Problem::internal("the township has no clerk"))?;
    let managers = managers(app, township, &teams).await?;
    let cells = territory(app, township, station, clerk).await?;
    roles(app, station, clerk, &cells, &managers).await?;
    customers(app, township, station).await?;
    refresh::refresh(app).await?;
    let served = cells.first().and_then(|(_, areas)| areas.first().cloned());
    Ok(Settled {
        clerk,
        managers,
        sign_ins,
        served,
        cells: cells.len(),
    })
}

/// A code to enrol a handheld of the first manager with.
///
/// # Errors
/// A problem of the database.
pub(super) async fn enrolment_code(app: &App, settled: &Settled) -> Result<String, Problem> {
    let first = settled.managers.first().copied();
    let first = first.ok_or_else(|| Problem::internal("there are no managers"))?;
    let (shared, clerk) = (app.clone(), settled.clerk);
    let issued = app
        .store
        .write(move |tx| {
            Box::pin(async move { issue_enrolment_code(tx, &shared, first, clerk).await })
        })
        .await?;
    Ok(issued.code)
}

async fn units(app: &App) -> Result<(OrgId, OrgId, Vec<OrgId>), Problem> {
    let shared = app.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let center = unit(
                    tx,
                    &shared,
                    None,
                    UnitKind::Center,
                    "河畔县供电公司管控中心",
                    "HP",
                )
                .await?;
                let station = unit(
                    tx,
                    &shared,
                    Some(center),
                    UnitKind::Station,
                    "柳河供电所",
                    "HP-LH",
                )
                .await?;
                for (name, code) in [("综合班", "HP-LH-C1"), ("配电营业班", "HP-LH-C2")] {
                    unit(tx, &shared, Some(station), UnitKind::Crew, name, code).await?;
                }
                let mut teams = Vec::new();
                for n in 1..=MANAGERS / TEAM {
                    let (name, code) = (format!("第{n}供电服务小组"), format!("HP-LH-T{n}"));
                    teams.push(
                        unit(tx, &shared, Some(station), UnitKind::Team, &name, &code).await?,
                    );
                }
                Ok((center, station, teams))
            })
        })
        .await
}

async fn unit(
    tx: &DatabaseTransaction,
    app: &App,
    parent: Option<OrgId>,
    kind: UnitKind,
    name: &str,
    code: &str,
) -> Result<OrgId, Problem> {
    let unit = NewUnit {
        parent,
        kind,
        name: name.to_owned(),
        code: code.to_owned(),
    };
    Ok(OrgId(create_unit(tx, app, unit).await?.id))
}

async fn with_password(
    app: &App,
    org: OrgId,
    login: &str,
    name: &str,
    role: Role,
) -> Result<(PersonId, String), Problem> {
    let mut random = [0; 9];
    app.randomness.fill(&mut random);
    let password = hex::encode(random);
    let hashed = app
        .gate
        .passwords
        .hash(login, password.clone(), app.randomness.as_ref())
        .await?;
    let person = new_person(org, name, login, role, None);
    let (shared, now) = (app.clone(), app.now());
    let id = app
        .store
        .write(move |tx| {
            Box::pin(async move {
                let id = PersonId(create_person(tx, &shared, person).await?.id);
                set_password(tx, id, hashed, Which::All, now).await?;
                Ok(id)
            })
        })
        .await?;
    Ok((id, password))
}

fn new_person(org: OrgId, name: &str, login: &str, role: Role, base: Option<Wgs84>) -> NewPerson {
    NewPerson {
        org,
        name: name.to_owned(),
        login: login.to_owned(),
        role,
        base,
    }
}

async fn managers(
    app: &App,
    township: &Township,
    teams: &[OrgId],
) -> Result<Vec<PersonId>, Problem> {
    let mut people = Vec::new();
    for (n, (name, base)) in township.managers.iter().enumerate() {
        let team = *teams
            .get(n / TEAM)
            .ok_or_else(|| Problem::internal("too few teams"))?;
        let login = format!("manager{:02}", n + 1);
        people.push(new_person(
            team,
            name,
            &login,
            Role::Manager,
            Some(point(*base)?),
        ));
    }
    let shared = app.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let mut ids = Vec::new();
                for person in people {
                    ids.push(PersonId(create_person(tx, &shared, person).await?.id));
                }
                Ok(ids)
            })
        })
        .await
}

/// Splits the territory; gives the cells with the codes of their station areas.
async fn territory(
    app: &App,
    township: &Township,
    station: OrgId,
    author: PersonId,
) -> Result<Vec<(CellId, Vec<String>)>, Problem> {
    let ring = township
        .boundary
        .iter()
        .map(|at| point(*at))
        .collect::<Result<Vec<_>, _>>()?;
    let boundary = Shape::new(vec![vec![ring]]).map_err(Problem::internal)?;
    let mut areas = Vec::new();
    for area in &township.areas {
        areas.push(StationAreaDraft {
            code: area.code.clone(),
            name: area.name.clone(),
            customers: u32::try_from(area.customers.len()).unwrap_or(u32::MAX),
            feeder: Some(area.feeder.clone()),
            area_class: area.class,
            at: point(area.at)?,
            outline: None,
        });
    }
    let name = |n: usize| (format!("G{n:02}"), format!("第{n}网格"));
    let draft = TerritoryDraft::by_split(&boundary, areas, MANAGERS, super::SEED, name)
        .map_err(|problems| Problem::internal(format!("{problems:?}")))?;
    let proposal = Proposal {
        station,
        base: 0,
        content: Content::from(draft),
        effective_from: app.now(),
        author,
        reason: "演示乡镇首次划分".to_owned(),
    };
    let shared = app.clone();
    app.store
        .write(move |tx| Box::pin(async move { accept(tx, &shared, proposal).await.map(drop) }))
        .await?;
    members(app, station).await
}

async fn members(app: &App, station: OrgId) -> Result<Vec<(CellId, Vec<String>)>, Problem> {
    use crate::territory::rows::station_area;
    use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
    let rows = station_area::Entity::find()
        .filter(station_area::Column::StationId.eq(station.0))
        .order_by_asc(station_area::Column::Code)
        .all(app.store.read())
        .await?;
    let mut members: BTreeMap<CellId, Vec<String>> = BTreeMap::new();
    for row in rows {
        if let Some(cell) = row.cell_id {
            members.entry(CellId(cell)).or_default().push(row.code);
        }
    }
    Ok(members.into_iter().collect())
}

/// Each cell has its own A; B is the next manager of the same service team.
async fn roles(
    app: &App,
    station: OrgId,
    author: PersonId,
    cells: &[(CellId, Vec<String>)],
    managers: &[PersonId],
) -> Result<(), Problem> {
    let mut wishes = Vec::new();
    for (n, (cell, _)) in cells.iter().enumerate() {
        let next = n / TEAM * TEAM + (n + 1) % TEAM;
        let wish = Wish {
            a: managers.get(n).copied(),
            b: managers.get(next).copied(),
            from: None,
        };
        wishes.push((*cell, wish));
    }
    let shared = app.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                for (cell, wish) in wishes {
                    set_roles(tx, &shared, (station, cell), wish, author).await?;
                }
                Ok(())
            })
        })
        .await
}

async fn customers(app: &App, township: &Township, station: OrgId) -> Result<(), Problem> {
    let mut all = Vec::new();
    for area in &township.areas {
        for customer in &area.customers {
            all.push(NewCustomer {
                account_no: customer.account_no.clone(),
                name: customer.name.clone(),
                phone: customer.phone.clone(),
                address: customer.address.clone(),
                meter_no: customer.meter_no.clone(),
                station_area: area.code.clone(),
                position: Some(point(customer.at)?),
            });
        }
    }
    for chunk in all.chunks(CHUNK) {
        let (shared, chunk) = (app.clone(), chunk.to_vec());
        app.store
            .write(move |tx| {
                Box::pin(async move {
                    import_customers(tx, &shared, station, chunk)
                        .await
                        .map(drop)
                })
            })
            .await?;
    }
    Ok(())
}

/// A point of the township.
pub(super) fn point(at: (f64, f64)) -> Result<Wgs84, Problem> {
    Wgs84::new(at.0, at.1).map_err(Problem::internal)
}
