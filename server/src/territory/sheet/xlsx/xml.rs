//! Pieces of XML that all parts of a workbook need.

use super::unreadable;
use crate::territory::{exchange::Archive, problem::Problem};
use quick_xml::{
    Reader, XmlVersion,
    escape::resolve_predefined_entity,
    events::{BytesStart, Event},
};

/// A part of the workbook as text.
pub(super) fn part(archive: &mut Archive<'_>, name: &str) -> Result<Option<String>, Problem> {
    let Some(bytes) = archive.read(name)? else {
        return Ok(None);
    };
    let text =
        String::from_utf8(bytes).map_err(|_| unreadable(format!("{name} is not in UTF-8")))?;
    Ok(Some(text))
}

/// The next event; what is not XML ends the reading.
pub(super) fn next<'t>(reader: &mut Reader<&'t [u8]>) -> Result<Event<'t>, Problem> {
    reader
        .read_event()
        .map_err(|error| unreadable(format!("its XML is broken: {error}")))
}

/// An attribute by its local name.
pub(super) fn attribute(start: &BytesStart<'_>, name: &str) -> Option<String> {
    start.attributes().flatten().find_map(|attribute| {
        let own = attribute.key.local_name();
        let own: &str = own.as_ref();
        if own != name {
            return None;
        }
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).ok()?;
        Some(value.into_owned())
    })
}

/// An attribute that is a number.
pub(super) fn number(start: &BytesStart<'_>, name: &str) -> Option<u32> {
    attribute(start, name)?.trim().parse().ok()
}

/// The text up to the end of the element that was begun last.
pub(super) fn text(reader: &mut Reader<&[u8]>) -> Result<String, Problem> {
    let mut text = String::new();
    let mut depth = 1;
    while depth > 0 {
        match next(reader)? {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth -= 1,
            Event::Text(piece) => text.push_str(&piece),
            Event::CData(piece) => text.push_str(&piece),
            Event::GeneralRef(entity) => {
                if let Some(known) = resolve_predefined_entity(&entity) {
                    text.push_str(known);
                } else if let Ok(Some(letter)) = entity.resolve_char_ref() {
                    text.push(letter);
                }
            }
            Event::Eof => return Err(unreadable("its XML breaks off")),
            _ => {}
        }
    }
    Ok(text)
}

/// A text with its runs put together, without the readings that stand above it; up to the end
/// of the element that was begun last.
pub(super) fn rich_text(reader: &mut Reader<&[u8]>) -> Result<String, Problem> {
    let mut whole = String::new();
    let (mut depth, mut reading_above) = (1, 0);
    while depth > 0 {
        match next(reader)? {
            Event::Start(start) => match start.local_name().as_ref() {
                "t" => {
                    let piece = text(reader)?;
                    if reading_above == 0 {
                        whole.push_str(&piece);
                    }
                }
                name => {
                    depth += 1;
                    if name == "rPh" || reading_above > 0 {
                        reading_above += 1;
                    }
                }
            },
            Event::End(_) => {
                depth -= 1;
                reading_above = (reading_above - 1).max(0);
            }
            Event::Eof => return Err(unreadable("its XML breaks off")),
            _ => {}
        }
    }
    Ok(unescaped(&whole))
}

/// Characters that XML cannot hold are written as `_xHHHH_`, and so is the underscore before
/// what looks like that.
pub(super) fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("_x") {
        out.push_str(&rest[..at]);
        let code = rest
            .get(at + 2..at + 6)
            .filter(|code| code.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .filter(|_| rest[at..].get(6..7) == Some("_"));
        let letter = code
            .and_then(|code| u32::from_str_radix(code, 16).ok())
            .and_then(char::from_u32);
        if let Some(letter) = letter {
            out.push(letter);
            rest = &rest[at + 7..];
        } else {
            out.push_str("_x");
            rest = &rest[at + 2..];
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::unescaped;

    #[test]
    fn only_four_hexadecimal_digits_stand_for_a_character() {
        for (text, meant) in [
            ("_x0041_", "A"),
            ("_x005F_x0041_", "_x0041_"),
            ("_x+041_", "_x+041_"),
            ("_x041_", "_x041_"),
            ("_xD800_", "_xD800_"),
        ] {
            assert_eq!(unescaped(text), meant);
        }
    }
}
