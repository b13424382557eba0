use super::*;
use crate::territory::fixture::{Ground, two_sound_cells};
use clap::Parser;
use std::os::unix::fs::PermissionsExt;

#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: TerritoryCommand,
}

fn parsed(line: &[&str]) -> TerritoryCommand {
    let line = ["gridcrew"].iter().chain(line);
    Cli::try_parse_from(line).unwrap().command
}

async fn export(ground: &Ground, what: &str, format: &str, to: &Path, datum: &str) -> String {
    let station = station_code(ground).await;
    let to = to.to_str().unwrap();
    let TerritoryCommand::Export(args) = parsed(&[
        "export",
        "--station",
        &station,
        "--by",
        &ground.staff.login,
        "--what",
        what,
        "--format",
        format,
        "--datum",
        datum,
        "--to",
        to,
    ]) else {
        panic!()
    };
    let mut out = Vec::new();
    match run_export(ground.app(), &args, &mut out).await {
        Ok(()) => String::from_utf8(out).unwrap(),
        Err(failure) => failure.to_string(),
    }
}

async fn import(ground: &Ground, what: &str, format: &str, more: &[&str], file: &Path) -> String {
    let station = station_code(ground).await;
    let mut line = vec![
        "import",
        "--station",
        &station,
        "--by",
        &ground.staff.login,
        "--what",
        what,
        "--format",
        format,
    ];
    line.extend(more);
    line.push(file.to_str().unwrap());
    let TerritoryCommand::Import(args) = parsed(&line) else {
        panic!()
    };
    let mut out = Vec::new();
    match run_import(ground.app(), &args, &mut out).await {
        Ok(all) => format!("{all}: {}", String::from_utf8(out).unwrap()),
        Err(failure) => failure.to_string(),
    }
}

async fn station_code(ground: &Ground) -> String {
    let unit = org_unit::Entity::find_by_id(ground.station().0);
    unit.one(ground.app().store.read())
        .await
        .unwrap()
        .unwrap()
        .code
}

#[actix_web::test]
async fn a_territory_and_its_sheets_go_out_and_in_on_the_command_line() {
    let ground = Ground::new().await;
    ground.accept(two_sound_cells()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    for format in ["geojson", "shapefile", "geopackage"] {
        let file = folder.path().join(format);
        let said = export(&ground, "territory", format, &file, "BD-09").await;
        assert!(said.contains("bytes in"), "{said}");
        assert!(
            export(&ground, "territory", format, &file, "BD-09")
                .await
                .contains("exists")
        );
        let before = store::territory(
            ground.app().store.read(),
            ground.station(),
            ground.app().now(),
        )
        .await
        .unwrap()
        .unwrap();
        let said = import(&ground, "territory", format, &["--dry-run"], &file).await;
        assert!(
            said.starts_with("true: 2 cells, 4 station areas; nothing"),
            "{said}"
        );
        let said = import(&ground, "territory", format, &[], &file).await;
        assert!(
            said.contains(&format!("version {}", before.version + 1)),
            "{said}"
        );
        let after = store::territory(
            ground.app().store.read(),
            ground.station(),
            ground.app().now(),
        )
        .await
        .unwrap()
        .unwrap();
        assert_eq!(after.content, before.content);
        let said = import(&ground, "territory", format, &["--datum", "WGS-84"], &file).await;
        assert!(said.starts_with("territory.datum_conflict"), "{said}");
    }
    let sheet = folder.path().join("areas.csv");
    export(&ground, "station-areas", "csv", &sheet, "WGS-84").await;
    let said = import(&ground, "station-areas", "csv", &[], &sheet).await;
    assert!(
        said.contains("4 rows: 0 new, 0 changed, 4 as they were, 0 refused"),
        "{said}"
    );

    let sheet = folder.path().join("accounts.csv");
    std::fs::write(&sheet, "户号,户名,台区编号\n001,甲,t1\n002,乙,t9\n").unwrap();
    let said = import(&ground, "accounts", "csv", &[], &sheet).await;
    assert!(
        said.starts_with("false: row 3 refused, 台区编号: sheet.value"),
        "{said}"
    );
    assert!(said.contains("nothing was written"), "{said}");
    let refused = folder.path().join("refused.csv");
    let more = [
        "--mode",
        "take_good",
        "--refused",
        refused.to_str().unwrap(),
    ];
    let said = import(&ground, "accounts", "csv", &more, &sheet).await;
    assert!(said.contains("1 new") && said.contains("stored"), "{said}");
    assert!(std::fs::read_to_string(&refused).unwrap().contains("002"));
    // What holds personal data is for its owner alone, and nothing is overwritten.
    let out = folder.path().join("out.csv");
    export(&ground, "accounts", "csv", &out, "WGS-84").await;
    assert!(std::fs::read_to_string(&out).unwrap().contains("001"));
    for file in [&refused, &out] {
        let mode = std::fs::metadata(file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.display());
    }
    std::fs::write(&sheet, "户号,户名,台区编号\n003,丙,t1\n").unwrap();
    let said = import(&ground, "accounts", "csv", &more, &sheet).await;
    assert!(said.contains("exists"), "{said}");
    let held = store::accounts(&ground.app().store, ground.station()).await;
    assert_eq!(held.unwrap().len(), 1, "nothing was stored");
}

#[actix_web::test]
async fn a_look_on_the_command_line_finds_what_taking_would() {
    for ground in Ground::on_both().await {
        ground.accept(two_sound_cells()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let sheet = folder.path().join("accounts.csv");
        std::fs::write(&sheet, "户号,户名,台区编号\n001,甲,t1\n").unwrap();
        let said = import(&ground, "accounts", "csv", &["--dry-run"], &sheet).await;
        assert!(said.contains("1 new") && said.contains("nothing"), "{said}");
        let held = async || store::accounts(&ground.app().store, ground.station()).await;
        assert_eq!(held().await.unwrap().len(), 0, "it was only looked at");
        let said = import(&ground, "accounts", "csv", &[], &sheet).await;
        assert!(said.contains("1 new") && said.contains("stored"), "{said}");
        assert_eq!(held().await.unwrap().len(), 1);

        // The station area that supplies the account is left out.
        let mut content = two_sound_cells();
        content.station_areas.remove(0);
        let file = folder.path().join("left-out");
        let now = ground.app().now();
        let bytes = exchange::write(Format::GeoJson, &content, Datum::Wgs84, now).unwrap();
        std::fs::write(&file, bytes).unwrap();
        for more in [&["--dry-run"][..], &[]] {
            let said = import(&ground, "territory", "geojson", more, &file).await;
            assert!(
                said.starts_with("territory.station_area_in_no_cell"),
                "{said}"
            );
        }
        let part = folder.path().join("part");
        let said = export(&ground, "accounts", "csv", &part, "WGS-84").await;
        assert!(said.contains("bytes in"), "{said}");
    }
}

#[actix_web::test]
async fn who_may_not_do_it_over_http_may_not_here() {
    let ground = Ground::new().await;
    let manager = person::Entity::find_by_id(ground.managers[0].0);
    let manager = manager
        .one(ground.app().store.read())
        .await
        .unwrap()
        .unwrap();
    let station = station_code(&ground).await;
    for (login, station, code) in [
        (manager.login.as_str(), station.as_str(), "auth.forbidden"),
        ("nobody", &station, "auth.forbidden"),
        (&ground.staff.login, "elsewhere", "not_found"),
    ] {
        let TerritoryCommand::Import(args) = parsed(&[
            "import",
            "--station",
            station,
            "--by",
            login,
            "--format",
            "geojson",
            "/nowhere",
        ]) else {
            panic!()
        };
        let failure = run_import(ground.app(), &args, &mut Vec::new())
            .await
            .unwrap_err();
        assert!(failure.to_string().starts_with(code), "{failure}");
    }
}
