//! Commands that record.

use super::{
    Tongue,
    args::{At, Command},
};
use gridcrew_mobile_core::{
    Error, Handheld, PhotoInput, Place, StepInput, arrival_words, review_lines,
};
use gridcrew_sync_protocol::{
    ids::{OrderId, PersonId},
    journal::EntryId,
    position::PositionInput,
    record::{Fix, Value},
    time::Millis,
    workflow::{FieldCode, FieldKind, StepCode, StepSpec},
};
use std::{collections::BTreeMap, io::Write};

/// Records what a command says.
pub(super) fn record(
    handheld: &Handheld,
    command: Command,
    tongue: Tongue,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let id = match command {
        Command::Take { order, eta, at } => {
            handheld.take(handheld.find(&order)?, eta, place(&at)?)?
        }
        Command::Decline {
            order,
            reason,
            note,
            at,
        } => handheld.decline(handheld.find(&order)?, &reason, &note, place(&at)?)?,
        Command::HandOver {
            order,
            to,
            note,
            at,
        } => {
            let to = person(handheld, &to)?;
            handheld.hand_over(handheld.find(&order)?, to, &note, place(&at)?)?
        }
        Command::Note { order, text, at } => {
            handheld.note(handheld.find(&order)?, &text, place(&at)?)?
        }
        Command::Step {
            order,
            step,
            fields,
            photos,
            at,
        } => {
            let order = handheld.find(&order)?;
            let input = StepInput {
                values: values(handheld, order, &step, fields)?,
                step,
                photos: photos
                    .into_iter()
                    .map(|(slot, path)| PhotoInput {
                        slot,
                        path: path.into(),
                    })
                    .collect(),
            };
            let done = handheld.step(order, input, place(&at)?)?;
            say(done.id, tongue, out)?;
            for line in review_lines(&done.review) {
                writeln!(out, "! {}", tongue.pick(&line))?;
            }
            return Ok(());
        }
        _ => return Ok(()),
    };
    say(id, tongue, out)
}

/// What an arrival would prove now.
pub(super) fn arrival(
    handheld: &Handheld,
    order: &str,
    at: &At,
    tongue: Tongue,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let place = place(at)?;
    let proof = handheld.prove_arrival(handheld.find(order)?, place.as_ref())?;
    writeln!(out, "{}", tongue.pick(&arrival_words(&proof)))?;
    Ok(())
}

fn say(id: EntryId, tongue: Tongue, out: &mut Vec<u8>) -> Result<(), Error> {
    let line = tongue.say(
        "已记录在本机，待发送",
        "recorded on this device, waiting to be sent",
    );
    writeln!(out, "{line}: {} {}", id.journal, id.seq.0)?;
    Ok(())
}

/// Fields as their kinds in the step want them; what fits no kind stays text, and the
/// check of the step says what is wrong with it.
fn values(
    handheld: &Handheld,
    order: OrderId,
    step: &str,
    fields: Vec<(String, String)>,
) -> Result<BTreeMap<FieldCode, Value>, Error> {
    let card = handheld.show(order)?;
    let spec = card
        .template
        .as_ref()
        .and_then(|template| template.step(&StepCode::from(step)));
    Ok(fields
        .into_iter()
        .map(|(code, text)| {
            let code = FieldCode(code);
            let value = value(spec, &code, text);
            (code, value)
        })
        .collect())
}

fn value(spec: Option<&StepSpec>, code: &FieldCode, text: String) -> Value {
    let kind = spec
        .and_then(|spec| spec.fields.iter().find(|field| field.code == *code))
        .map(|field| field.kind);
    match kind {
        Some(FieldKind::Flag) => match text.as_str() {
            "yes" | "true" | "1" | "是" => Value::Flag(true),
            "no" | "false" | "0" | "否" => Value::Flag(false),
            _ => Value::Text(text),
        },
        Some(FieldKind::Whole) => text.parse().map_or(Value::Text(text), Value::Whole),
        _ => Value::Text(text),
    }
}

/// A colleague by id or by name.
fn person(handheld: &Handheld, text: &str) -> Result<PersonId, Error> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let me = handheld.me()?;
    let named: Vec<PersonId> = me
        .iter()
        .flat_map(|me| &me.colleagues)
        .filter(|colleague| colleague.name == text)
        .map(|colleague| colleague.person)
        .collect();
    match named.as_slice() {
        [one] => Ok(*one),
        [] => Err(Error::Invalid(format!("no colleague is called {text}"))),
        _ => Err(Error::Invalid(format!(
            "{} colleagues are called {text}; give the id",
            named.len()
        ))),
    }
}

/// A place from `lon,lat,datum,accuracy`.
fn place(at: &At) -> Result<Option<Place>, Error> {
    let Some(text) = &at.at else { return Ok(None) };
    let mut parts = text.split(',').map(str::trim);
    let mut number = || parts.next().and_then(|part| part.parse::<f64>().ok());
    let (lon, lat) = (number(), number());
    let datum = parts.next().map(str::to_owned);
    let accuracy = parts.next().and_then(|part| part.parse::<f64>().ok());
    let position = PositionInput { lon, lat, datum }
        .check()
        .map_err(|error| Error::Invalid(error.to_string()))?;
    let accuracy = accuracy
        .filter(|metres| metres.is_finite() && (0.0..=100_000.0).contains(metres))
        .ok_or_else(|| Error::Invalid("the accuracy is missing: 0 to 100000 metres".to_owned()))?;
    let fix = Fix {
        position,
        accuracy_dm: tenths(accuracy),
        age: Millis::seconds(at.fix_age),
        mock: at.mock,
    };
    let possible = |speed: &f64| speed.is_finite() && (0.0..=100_000.0).contains(speed);
    if at.speed.is_some_and(|speed| !possible(&speed)) {
        let wrong = "the speed is wrong: 0 to 100000 metres a second".to_owned();
        return Err(Error::Invalid(wrong));
    }
    Ok(Some(Place {
        speed_dm_s: at.speed.map(tenths),
        ..Place::from(fix)
    }))
}

/// Metres as decimetres.
fn tenths(metres: f64) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be between 0 and 100,000"
    )]
    let tenths = (metres * 10.0).round() as u32;
    tenths
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Result<Option<Place>, Error> {
        place(&At {
            at: Some(text.to_owned()),
            fix_age: 61,
            speed: Some(1.5),
            mock: true,
        })
    }

    #[test]
    fn a_place_needs_its_datum_and_its_accuracy() {
        let place = at("118.5,31.25,GCJ-02,7.5").unwrap().unwrap();
        assert_eq!(place.fix.accuracy_dm, 75);
        assert_eq!(place.fix.position.datum().name(), "GCJ-02");
        assert_eq!((place.fix.age, place.fix.mock), (Millis(61_000), true));
        assert_eq!(place.speed_dm_s, Some(15));
        for bad in [
            "118.5,31.25",
            "118.5,31.25,GCJ-02",
            "31.25,118.5,WGS-84,5",
            "118.5,31.25,Xian80,5",
            "a,b,WGS-84,5",
            "118.5,31.25,WGS-84,-1",
        ] {
            assert!(at(bad).is_err(), "{bad}");
        }
    }
}
