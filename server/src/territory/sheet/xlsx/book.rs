//! What a workbook holds beside its cells: which sheets, the texts that cells share, and
//! which formats show a number as a date.

use super::{kept::Kept, unreadable, xml};
use crate::territory::{exchange::Archive, problem::Problem};
use quick_xml::{Reader, events::Event};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

pub(super) struct Book {
    /// The part of the archive with the sheet that counts.
    pub(super) path: String,
    /// Its title.
    pub(super) title: String,
    /// How many more sheets are not hidden.
    pub(super) others: usize,
    /// Texts that cells name by their number, cut to what a cell may hold.
    pub(super) texts: Vec<Arc<str>>,
    /// Styles that show a number as a date or time.
    pub(super) dates: HashSet<u32>,
}

impl Book {
    pub(super) fn open(archive: &mut Archive<'_>, kept: &mut Kept) -> Result<Self, Problem> {
        let book = xml::part(archive, "xl/workbook.xml")?
            .ok_or_else(|| unreadable("it has no xl/workbook.xml; save it as .xlsx"))?;
        let links = xml::part(archive, "xl/_rels/workbook.xml.rels")?.unwrap_or_default();
        let links = links_of(&links)?;
        let (mut sheets, mut reader) = (Vec::new(), Reader::from_str(&book));
        loop {
            match xml::next(&mut reader)? {
                Event::Start(start) | Event::Empty(start)
                    if start.local_name().as_ref() == "sheet" =>
                {
                    let hidden = xml::attribute(&start, "state").is_some_and(|s| s != "visible");
                    if !hidden {
                        sheets.push((
                            xml::attribute(&start, "name").unwrap_or_default(),
                            xml::attribute(&start, "id").unwrap_or_default(),
                        ));
                    }
                }
                Event::Eof => break,
                _ => {}
            }
        }
        let (title, link) = sheets
            .first()
            .cloned()
            .ok_or_else(|| unreadable("all its sheets are hidden"))?;
        let target = links.get(&link).map_or("", String::as_str);
        let path = match target.strip_prefix('/') {
            Some(whole) => whole.to_owned(),
            None => format!("xl/{target}"),
        };
        let texts = xml::part(archive, "xl/sharedStrings.xml")?.unwrap_or_default();
        let styles = xml::part(archive, "xl/styles.xml")?.unwrap_or_default();
        Ok(Self {
            path,
            title: title.chars().take(31).collect(),
            others: sheets.len() - 1,
            texts: texts_of(&texts, kept)?,
            dates: dates_of(&styles)?,
        })
    }
}

/// Where the ids of the workbook point to.
fn links_of(text: &str) -> Result<HashMap<String, String>, Problem> {
    let mut links = HashMap::new();
    let mut reader = Reader::from_str(text);
    loop {
        match xml::next(&mut reader)? {
            Event::Start(start) | Event::Empty(start)
                if start.local_name().as_ref() == "Relationship" =>
            {
                let id = xml::attribute(&start, "Id").unwrap_or_default();
                let target = xml::attribute(&start, "Target").unwrap_or_default();
                links.insert(id, target);
            }
            Event::Eof => return Ok(links),
            _ => {}
        }
    }
}

fn texts_of(text: &str, kept: &mut Kept) -> Result<Vec<Arc<str>>, Problem> {
    let mut texts = Vec::new();
    let mut reader = Reader::from_str(text);
    loop {
        match xml::next(&mut reader)? {
            Event::Start(start) if start.local_name().as_ref() == "si" => {
                texts.push(kept.text(&xml::rich_text(&mut reader)?)?);
            }
            Event::Empty(start) if start.local_name().as_ref() == "si" => {
                texts.push(kept.text("")?);
            }
            Event::Eof => return Ok(texts),
            _ => {}
        }
    }
}

/// The numbers of the cell styles whose format is one of a date or time.
fn dates_of(text: &str) -> Result<HashSet<u32>, Problem> {
    let mut formats: HashMap<u32, bool> = HashMap::new();
    let (mut dates, mut style, mut of_cells) = (HashSet::new(), 0, false);
    let mut reader = Reader::from_str(text);
    loop {
        match xml::next(&mut reader)? {
            Event::Start(start) | Event::Empty(start) => match start.local_name().as_ref() {
                "numFmt" => {
                    let code = xml::attribute(&start, "formatCode").unwrap_or_default();
                    if let Some(id) = xml::number(&start, "numFmtId") {
                        formats.insert(id, shows_a_date(&code));
                    }
                }
                "cellXfs" => of_cells = true,
                "xf" if of_cells => {
                    let id = xml::number(&start, "numFmtId").unwrap_or(0);
                    // Those that every Excel has, the Chinese ones among them.
                    let common = matches!(id, 14..=22 | 27..=36 | 45..=47 | 50..=58);
                    if formats.get(&id).copied().unwrap_or(common) {
                        dates.insert(style);
                    }
                    style += 1;
                }
                _ => {}
            },
            Event::End(end) if end.local_name().as_ref() == "cellXfs" => of_cells = false,
            Event::Eof => return Ok(dates),
            _ => {}
        }
    }
}

/// Whether a format code has a letter for a part of a date, outside of quotation marks and
/// brackets.
fn shows_a_date(code: &str) -> bool {
    let mut letters = code.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => while letters.next().is_some_and(|c| c != '"') {},
            '[' => while letters.next().is_some_and(|c| c != ']') {},
            '\\' | '_' | '*' => {
                letters.next();
            }
            'y' | 'Y' | 'm' | 'M' | 'd' | 'D' | 'h' | 'H' | 's' | 'S' => return true,
            // General has none of these letters.
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::shows_a_date;

    #[test]
    fn formats_of_dates_are_told_from_those_of_numbers() {
        for code in ["yyyy-mm-dd", "[$-804]yyyy\"年\"m\"月\"", "h:mm", "dd/mm"] {
            assert!(shows_a_date(code), "{code}");
        }
        for code in [
            "General",
            "0.00E+00",
            "#,##0\" days\"",
            "[Red]0",
            "@",
            "0_m",
        ] {
            assert!(!shows_a_date(code), "{code}");
        }
    }
}
