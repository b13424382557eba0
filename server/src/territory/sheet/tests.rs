use super::{accounts::Known, *};
use crate::territory::{
    content::Content, field::Seeded, fixture::two_sound_cells as two_cells, store::NewCustomer,
};
use gridcrew_sync_protocol::{
    position::{Datum, Wgs84},
    time::UnixMillis,
};
use proptest::prelude::*;
use rust_xlsxwriter::{Format, Formula, Workbook, Worksheet};
use std::{io::Write as _, sync::Arc};

const NOW: UnixMillis = UnixMillis(1_767_225_600_000);
const FORMATS: [SheetFormat; 2] = [SheetFormat::Xlsx, SheetFormat::Csv];

fn known() -> Known {
    let at = |n: f64| Wgs84::new(120.0 + n / 100.0, 30.01).unwrap();
    Known {
        areas: [("t1", 0.5), ("t2", 1.5), ("台１", 2.5)]
            .map(|(code, n)| (code.to_owned(), at(n)))
            .into(),
        ..Known::default()
    }
}

fn workbook(fill: impl FnOnce(&mut Worksheet)) -> Vec<u8> {
    let mut book = Workbook::new();
    fill(book.add_worksheet());
    book.save_to_buffer().unwrap()
}

fn xlsx(bytes: &[u8]) -> Sheet {
    read(SheetFormat::Xlsx, bytes, None).unwrap()
}

fn csv(text: &str) -> Sheet {
    read(SheetFormat::Csv, text.as_bytes(), None).unwrap()
}

fn accounts_of(sheet: &Sheet) -> accounts::Accounts {
    accounts::read(sheet, &known(), None).unwrap()
}

/// Refusals as `row code reason`.
fn refused(report: &Report) -> Vec<String> {
    let all = report.refused.iter();
    all.map(|r| format!("{} {} {}", r.row, r.code, r.reason))
        .collect()
}

fn account(random: &mut Seeded, number: usize) -> NewCustomer {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let mut pick =
        |all: &[&str]| all[(random.next() * all.len() as f64) as usize % all.len()].to_owned();
    NewCustomer {
        account_no: format!("{number:010}"),
        name: pick(&[
            "王建国",
            "𠮷田",
            "=1+1",
            "'@x",
            "a,\"b\"",
            "-",
            "＝SUM(A1)",
            "",
        ]),
        phone: pick(&["0554-1234567", "013800138000", "+86 138", ""]),
        address: pick(&["丁集镇张巷村七组12号", "@home", "''=x", "_x0041_", ""]),
        meter_no: pick(&["000123", "", "1E5"]),
        station_area: pick(&["t1", "t2"]),
        position: (!number.is_multiple_of(3)).then(|| {
            let at = Wgs84::new(120.0 + 0.02 * random.next(), 30.0 + 0.02 * random.next());
            crate::territory::grid::snapped(at.unwrap())
        }),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn accounts_go_out_and_come_in_as_they_were(seed in any::<u64>()) {
        let mut random = Seeded::new(seed);
        let all: Vec<NewCustomer> = (0..20).map(|n| account(&mut random, n)).collect();
        for format in FORMATS {
            for datum in Datum::ALL {
                let bytes = write(Kind::Accounts, format, accounts::rows(&all, datum), NOW).unwrap();
                let sheet = read(format, &bytes, None).unwrap();
                let new = accounts::read(&sheet, &known(), None).unwrap();
                prop_assert_eq!(refused(&new.report), Vec::<String>::new());
                prop_assert_eq!(&new.good, &all, "{:?} {}", format, datum);
                // The same sheet again changes nothing.
                let mut known = known();
                known.held = all.iter().map(|a| (a.account_no.clone(), a.clone())).collect();
                let again = accounts::read(&sheet, &known, None).unwrap();
                prop_assert_eq!(again.good, vec![]);
                prop_assert_eq!(again.report.unchanged, 20);
                prop_assert_eq!(again.report.remarks, vec![]);
            }
        }
    }
}

#[test]
fn station_areas_go_out_and_come_in_as_they_were() {
    let mut held = two_cells();
    held.station_areas[0].name = "=cmd|'/c calc'!A1 丁集𠮷".to_owned();
    held.station_areas[1].feeder = None;
    for format in FORMATS {
        for datum in Datum::ALL {
            let bytes = write(Kind::StationAreas, format, areas::rows(&held, datum), NOW).unwrap();
            let sheet = read(format, &bytes, None).unwrap();
            let again = areas::read(&sheet, &held, None).unwrap();
            assert_eq!((again.good, again.report.unchanged), (vec![], 4));
            // Into a territory that knows none of them.
            let bare = Content {
                station_areas: Vec::new(),
                ..held.clone()
            };
            let new = areas::read(&sheet, &bare, None).unwrap();
            assert_eq!(areas::apply(&bare, &new.good).unwrap().0, held);
        }
    }
}

#[test]
fn no_text_becomes_a_formula_in_the_program_that_opens_it() {
    let mut held = two_cells();
    held.station_areas[0].name = "=HYPERLINK(\"http://x\")".to_owned();
    let rows = areas::rows(&held, Datum::Wgs84);
    let text = write(Kind::StationAreas, SheetFormat::Csv, rows.clone(), NOW).unwrap();
    let text = String::from_utf8(text).unwrap();
    assert!(
        text.starts_with('\u{feff}') && text.contains("'=HYPERLINK"),
        "{text}"
    );
    // Another reader finds a text, not a formula.
    use calamine::{Data, Reader, Xlsx};
    let bytes = write(Kind::StationAreas, SheetFormat::Xlsx, rows, NOW).unwrap();
    let mut book: Xlsx<_> = calamine::open_workbook_from_rs(std::io::Cursor::new(bytes)).unwrap();
    let formulas = book.worksheet_formula("Sheet1").unwrap();
    assert!(formulas.used_cells().next().is_none());
    let cells = book.worksheet_range("Sheet1").unwrap();
    let name = Data::String("=HYPERLINK(\"http://x\")".to_owned());
    assert_eq!(cells.get_value((1, 1)), Some(&name));
}

#[test]
fn every_refused_row_is_listed_with_column_value_and_reason() {
    let sheet = csv("户号,户名,电话,台区编号,经度,纬度,坐标系\n\
         1,甲,1,t1,,,\n\
         2,乙,2,t9,,,\n\
         ,丙,3,t1,,,\n\
         4,丁,4,t1,30.1,120.1,WGS-84\n\
         5,戊,5,t1,200,30,WGS-84\n\
         6,己,6,t1,NaN,30,WGS-84\n\
         7,庚,7,t1,120.1,30.1,\n\
         8,辛,8,t1,120.1,,WGS-84\n\
         9,壬,9,t1,120.1,30.1,NAD27\n\
         1,癸,10,t1,,,\n\
         11,甲,11,,abc,30.1,WGS-84\n");
    let read = accounts_of(&sheet);
    let expected = [
        "3 sheet.value is no station area",
        "4 sheet.value is empty; give the account number",
        "5 position.out_of_range lon 30.1, lat 120.1 is out of range, and in China when swapped",
        "6 position.out_of_range lon 200, lat 30",
        "7 position.out_of_range",
        "8 position.datum_missing",
        "9 sheet.value is missing; give both",
        "10 position.datum_unknown",
        "11 sheet.row_twice stands in row 2 too",
        "12 sheet.value is no number",
        "12 sheet.value is empty; give the code",
    ];
    let found = refused(&read.report);
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found} / {expected}");
    }
    let first = &read.report.refused[0];
    assert_eq!(
        (first.column.as_str(), first.value.as_str()),
        ("台区编号", "t9")
    );
    assert_eq!(
        (
            read.report.rows,
            read.report.added,
            read.report.refused_rows()
        ),
        (11, 1, 10)
    );

    // The refused rows as a sheet, which can be mended and sent again.
    for format in FORMATS {
        let bytes = read.report.sheet(Kind::Accounts, format, NOW).unwrap();
        let again = super::read(format, &bytes, None).unwrap();
        let again = accounts_of(&again);
        assert_eq!(again.report.notes, Vec::<String>::new());
        assert_eq!(again.report.rows, 10);
        // Row 11, the second of two, is the only one now.
        assert_eq!(again.report.refused_rows(), 9);
    }
}

#[test]
fn numbers_dates_formulas_and_merged_cells_are_taken_by_rule_and_told() {
    let date = Format::new().set_num_format("yyyy-mm-dd");
    let bytes = workbook(|sheet| {
        sheet
            .merge_range(0, 0, 0, 3, "丁集供电所 用户表", &Format::new())
            .unwrap();
        for (column, heading) in
            (0..).zip(["户号", "户名", "电话", "台区编号 (station_area)", "备注"])
        {
            sheet.write(1, column, heading).unwrap();
        }
        for (column, heading) in (0..).zip(["account_no", "name", "phone", "station_area"]) {
            sheet.write(2, column, heading).unwrap();
        }
        // A number, which may have lost zeros.
        sheet.write(3, 0, 12345).unwrap();
        sheet.write(3, 2, 13_800_138_000_f64).unwrap();
        sheet.write(3, 3, "t1").unwrap();
        // A number with more digits than are kept.
        sheet.write(4, 0, 1_234_567_890_123_456_789_f64).unwrap();
        sheet.write(4, 3, "t1").unwrap();
        // A date.
        sheet.write_number_with_format(5, 0, 45_000, &date).unwrap();
        sheet.write(5, 3, "t1").unwrap();
        // A formula, with what it showed.
        sheet
            .write_formula(6, 0, Formula::new("=\"00\"&7").set_result("007"))
            .unwrap();
        sheet.write(6, 3, "t1").unwrap();
        // Merged over two rows.
        sheet.write(7, 0, "0008").unwrap();
        sheet.write(8, 0, "0009").unwrap();
        sheet.merge_range(7, 3, 8, 3, "t1", &Format::new()).unwrap();
        // Full-width digits, and a station area that really is written so.
        sheet.write(9, 0, "００１０").unwrap();
        sheet.write(9, 2, "１３８").unwrap();
        sheet.write(9, 3, "台１").unwrap();
        sheet.write_boolean(10, 0, true).unwrap();
        sheet.set_row_hidden(9).unwrap();
    });
    let read = accounts_of(&xlsx(&bytes));
    let good: Vec<&str> = read.good.iter().map(|a| a.account_no.as_str()).collect();
    assert_eq!(good, ["12345", "007", "0008", "0010"]);
    assert_eq!(read.good[0].phone, "13800138000");
    assert_eq!(
        (
            read.good[3].phone.as_str(),
            read.good[3].station_area.as_str()
        ),
        ("138", "台１")
    );
    let found = refused(&read.report);
    assert!(
        found[0].starts_with("5 sheet.value is a number that a spreadsheet"),
        "{found:?}"
    );
    assert!(found[1].starts_with("6 sheet.value is a date"), "{found:?}");
    assert!(found[2].contains("merged cells D8:D9"), "{found:?}");
    assert!(found[3].starts_with("11 sheet.value is TRUE"), "{found:?}");
    let said: Vec<&str> = read
        .report
        .remarks
        .iter()
        .map(|r| r.said.as_str())
        .collect();
    assert!(said[0].contains("are zeros missing"), "{said:?}");
    assert!(said.iter().any(|said| said.contains("formula")), "{said:?}");
    assert_eq!(
        said.iter()
            .filter(|said| said.contains("full-width"))
            .count(),
        2
    );
    let notes = read.report.notes.join("; ");
    for note in [
        "1 hidden rows",
        "1 rows above",
        "1 more rows of headings",
        "备注",
    ] {
        assert!(notes.contains(note), "{notes}");
    }
}

#[test]
fn text_of_other_encodings_is_named_and_taken_only_when_it_says_so() {
    let text = "户号,户名,台区编号\r\n001,丁集,t1\r\n";
    let (gbk, _, _) = encoding_rs::GBK.encode(text);
    let error = read(SheetFormat::Csv, &gbk, None).unwrap_err();
    assert_eq!(error.code().as_str(), "file.encoding");
    assert!(error.to_string().contains("户号"), "{error}");
    let sheet = read(SheetFormat::Csv, &gbk, Some(Encoding::Gbk)).unwrap();
    assert_eq!(accounts_of(&sheet).good[0].name, "丁集");

    for (mark, big) in [(b"\xff\xfe", false), (b"\xfe\xff", true)] {
        let mut bytes = mark.to_vec();
        for unit in text.replace(',', "\t").encode_utf16() {
            bytes.extend(if big {
                unit.to_be_bytes()
            } else {
                unit.to_le_bytes()
            });
        }
        let sheet = read(SheetFormat::Csv, &bytes, None).unwrap();
        let read = accounts_of(&sheet);
        assert_eq!(read.good[0].name, "丁集");
        assert!(read.report.notes[0].contains("UTF-16"));
        let error = super::read(SheetFormat::Csv, &bytes[2..], None).unwrap_err();
        assert_eq!(error.code().as_str(), "file.unreadable");
    }
    assert_eq!(accounts_of(&csv(&format!("\u{feff}{text}"))).good.len(), 1);
    assert_eq!(accounts_of(&csv(&text.replace(',', ";"))).good.len(), 1);
}

#[test]
fn headings_that_are_missing_or_doubled_are_named() {
    for (text, said) in [
        ("a,b,c\n1,2,3\n", "none of the first 20 rows"),
        ("户名,电话\n甲,1\n", "户号 (account_no)"),
        ("户号,户名,用户编号\n1,甲,2\n", "2 times"),
        ("", "none of the first 20 rows"),
    ] {
        let error = accounts::read(&csv(text), &known(), None).unwrap_err();
        assert_eq!(error.code().as_str(), "sheet.columns", "{text}");
        assert!(error.to_string().contains(said), "{error}");
    }
}

#[test]
fn a_column_that_is_not_there_leaves_what_is_known() {
    let mut known = known();
    let held = NewCustomer {
        account_no: "1".to_owned(),
        name: "甲".to_owned(),
        phone: "1".to_owned(),
        address: "here".to_owned(),
        meter_no: "m".to_owned(),
        station_area: "t1".to_owned(),
        position: Some(Wgs84::new(120.005, 30.01).unwrap()),
    };
    known.held.insert("1".to_owned(), held.clone());
    known.foreign.insert("3".to_owned());
    let read = accounts::read(&csv("户号,电话\n1,2\n2,5\n3,6\n"), &known, None).unwrap();
    let changed = NewCustomer {
        phone: "2".to_owned(),
        ..held
    };
    assert_eq!(read.good, [changed]);
    let found = refused(&read.report);
    assert!(found[0].starts_with("3 sheet.value is empty"), "{found:?}");
    assert!(found[1].starts_with("4 conflict"), "{found:?}");
}

#[test]
fn station_areas_move_between_cells_and_new_ones_find_theirs_by_their_place() {
    let held = two_cells();
    let sheet = csv("code,name,feeder,customers,area_class,cell,lon,lat,datum\n\
         t2,village t2,F1,10,02,E,120.015,30.01,WGS-84\n\
         t5,new,F2,７,2,,120.03,30.015,WGS-84\n\
         t6,far,F2,7,02,,121,30.015,WGS-84\n\
         t7,odd,F2,x,09,Q,120.03,30.015,WGS-84\n");
    let read = areas::read(&sheet, &held, None).unwrap();
    let (content, _) = areas::apply(&held, &read.good).unwrap();
    let cell = |code: &str| {
        let area = content.station_areas.iter().find(|area| area.code == code);
        area.and_then(|area| area.cell.clone())
    };
    assert_eq!(
        (cell("t2").as_deref(), cell("t5").as_deref()),
        (Some("E"), Some("E"))
    );
    let found = refused(&read.report);
    assert_eq!(found.len(), 4, "{found:?}");
    assert!(
        found[0].starts_with("4 territory.outside_boundary"),
        "{found:?}"
    );
    assert!(
        found[3].starts_with("5 territory.station_area_in_no_cell"),
        "{found:?}"
    );
    // A cell may not lose its last station area.
    let all = csv("code,cell\nt1,E\nt2,E\n");
    let read = areas::read(&all, &held, None).unwrap();
    let refused = areas::apply(&held, &read.good).unwrap_err();
    assert_eq!(
        refused.code().as_str(),
        "territory.cell_without_station_area"
    );
}

#[test]
fn places_in_another_datum_than_stated_are_doubted() {
    let held = two_cells();
    let rows = areas::rows(&held, Datum::Gcj02);
    let bytes = write(Kind::StationAreas, SheetFormat::Csv, rows, NOW).unwrap();
    let text = String::from_utf8(bytes)
        .unwrap()
        .replace("GCJ-02", "WGS-84");
    let doubt = areas::read(&csv(&text), &held, None)
        .unwrap()
        .doubt
        .unwrap();
    assert!(
        doubt
            .to_string()
            .contains("these look like GCJ-02, stated is WGS-84")
    );
    let conflict = areas::read(&csv(&text), &held, Some(Datum::Gcj02)).unwrap();
    assert!(
        conflict
            .report
            .refused
            .iter()
            .all(|r| r.code.as_str() == "territory.datum_conflict")
    );
}

/// A workbook whose sheet is this XML, and whose other parts are as they are written here.
fn with_sheet(xml: &[u8]) -> Vec<u8> {
    let whole = workbook(|sheet| {
        sheet.write(0, 0, "户号").unwrap();
    });
    let mut archive = crate::territory::exchange::Archive::open(&whole).unwrap();
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    for name in archive.names() {
        let own = archive.read(&name).unwrap().unwrap();
        zip.start_file(&name, options).unwrap();
        let bytes = if name.ends_with("sheet1.xml") {
            xml
        } else {
            &own
        };
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn inline(row: usize, texts: &[&str]) -> String {
    let cells: String = texts
        .iter()
        .map(|text| format!("<c t=\"inlineStr\"><is><t>{text}</t></is></c>"))
        .collect();
    format!("<row r=\"{row}\">{cells}</row>")
}

#[test]
fn a_million_empty_rows_and_a_cell_in_the_last_corner_take_no_room() {
    let mut xml = String::from("<worksheet><dimension ref=\"A1:XFD1048576\"/><sheetData>");
    xml += &inline(1, &["户号", "户名", "台区编号"]);
    xml += &inline(2, &["001", "甲", "t1"]);
    for row in 3..1_000_003 {
        xml += &format!("<row r=\"{row}\" ht=\"14\"><c r=\"A{row}\" s=\"1\"/></row>");
    }
    xml += "<row r=\"1048576\"><c r=\"XFD1048576\"><v>1</v></c></row>";
    xml += "</sheetData></worksheet>";
    let began = std::time::Instant::now();
    let sheet = xlsx(&with_sheet(xml.as_bytes()));
    println!(
        "a million empty rows, {} MB of XML: {:?}",
        xml.len() / 1_000_000,
        began.elapsed()
    );
    assert_eq!(sheet.rows.len(), 2);
    assert_eq!(accounts_of(&sheet).good.len(), 1);

    let csv_text = "户号,户名,台区编号\n001,甲,t1\n".to_owned() + &",,\n".repeat(1_000_000);
    let began = std::time::Instant::now();
    assert_eq!(csv(&csv_text).rows.len(), 2);
    println!("the same as CSV: {:?}", began.elapsed());
}

#[test]
fn more_rows_cells_and_bytes_than_allowed_are_refused() {
    let mut text = String::from("户号,台区编号\n");
    for row in 0..MAX_ROWS {
        text += &format!("{row},t1\n");
    }
    let error = read(SheetFormat::Csv, text.as_bytes(), None).unwrap_err();
    assert_eq!(error.code().as_str(), "file.too_large");
    // A quotation mark that is never closed.
    let open = "户号,户名\n1,\"".to_owned() + &"字\n".repeat(60_000);
    let error = read(SheetFormat::Csv, open.as_bytes(), None).unwrap_err();
    assert!(error.to_string().contains("quotation mark"), "{error}");
    // Rows of text that swell, and merged cells over everything.
    let bomb = with_sheet(&vec![b' '; 70 * 1024 * 1024]);
    let error = read(SheetFormat::Xlsx, &bomb, None).unwrap_err();
    assert_eq!(error.code().as_str(), "file.too_large");
    let rows: String = (1..4_000).map(|row| inline(row, &["1"])).collect();
    let merged = "<mergeCell ref=\"A1:XFD1048576\"/>".repeat(100);
    let xml = format!("<worksheet><sheetData>{rows}</sheetData>{merged}</worksheet>");
    let error = read(SheetFormat::Xlsx, &with_sheet(xml.as_bytes()), None).unwrap_err();
    assert_eq!(error.code().as_str(), "file.too_large");
}

#[test]
fn a_text_that_many_cells_share_is_kept_once() {
    let bytes = workbook(|sheet| {
        for row in 0..50 {
            sheet.write(row, 0, "丁集供电所").unwrap();
        }
        let plain = Format::new();
        sheet.merge_range(50, 0, 59, 0, "x", &plain).unwrap();
        for row in 50..60 {
            sheet.write(row, 1, "x").unwrap();
        }
    });
    let sheet = xlsx(&bytes);
    let (mut texts, mut merged) = (Vec::new(), Vec::new());
    for cell in sheet.rows.iter().flat_map(|line| &line.cells) {
        match &cell.value {
            Value::Text(text) if &**text != "x" => texts.push(text),
            Value::Merged(name) => merged.push(name),
            _ => {}
        }
    }
    assert_eq!((texts.len(), merged.len()), (50, 9));
    for all in [texts, merged] {
        assert!(all.iter().all(|text| Arc::ptr_eq(text, all[0])));
    }
}

#[test]
fn merged_cells_that_are_long_backwards_or_far_outside_cost_nothing() {
    let rows: String = (1..40_000).map(|row| inline(row, &["1"])).collect();
    let with = |range: &str, times: usize| {
        let merged = format!("<mergeCell ref=\"{range}\"/>").repeat(times);
        let xml = format!("<worksheet><sheetData>{rows}</sheetData>{merged}</worksheet>");
        read(SheetFormat::Xlsx, &with_sheet(xml.as_bytes()), None)
    };
    for bad in ["C1:A40000", "A40000:C1", "A0000000000000000000001:B2"] {
        let error = with(bad, 1).unwrap_err();
        assert_eq!(error.code().as_str(), "file.unreadable", "{bad}");
    }
    // Columns that are not looked at are gone through for none of the rows.
    let sheet = with("CA1:CB40000", 50_000).unwrap();
    assert!(sheet.rows.iter().all(|line| line.cells.len() == 1));
}

#[test]
fn workbooks_that_lie_are_refused_or_read_for_what_is_there() {
    let cell = |cell: &str| {
        let xml =
            format!("<worksheet><sheetData><row r=\"1\">{cell}</row></sheetData></worksheet>");
        read(SheetFormat::Xlsx, &with_sheet(xml.as_bytes()), None)
    };
    for bad in [
        "<c t=\"s\"><v>99999999999</v></c>",
        "<c t=\"s\"><v>-1</v></c>",
        "<c><v>1</v>",
        "</row></sheetData>",
    ] {
        assert!(cell(bad).is_err(), "{bad}");
    }
    for odd in [
        "<c r=\"ZZZZZZZZ99999999999999999999\"><v>1</v></c>",
        "<c r=\"A1\"><f t=\"shared\" si=\"18446744073709551615\" ref=\"A1:B9\">1</f><v>2</v></c>",
        "<c><v>&lt;&#x1F600;&nonsense;</v></c>",
    ] {
        assert!(cell(odd).is_ok(), "{odd}");
    }
    for (bytes, said) in [
        (&b"\xd0\xcf\x11\xe0 old"[..], ".xls"),
        (b"PK no zip", "zip archive"),
    ] {
        let error = read(SheetFormat::Xlsx, bytes, None).unwrap_err();
        assert_eq!(error.code().as_str(), "file.unreadable");
        assert!(error.to_string().contains(said), "{error}");
    }
    let whole = workbook(|sheet| {
        sheet.write(0, 0, "户号").unwrap();
        sheet.write(1, 0, 5).unwrap();
    });
    for place in 0..300 {
        let at = whole.len() * place / 300;
        let _ = read(SheetFormat::Xlsx, &whole[..at], None);
        let mut altered = whole.clone();
        altered[at] ^= 0x21;
        let _ = read(SheetFormat::Xlsx, &altered, None);
    }
}
