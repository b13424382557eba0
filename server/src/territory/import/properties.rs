//! The properties of one feature, each read for what it must be.

use super::MAX_CODE;
use crate::territory::problem::{FeatureName, Problem};
use geojson::{Feature, JsonObject, JsonValue};
use gridcrew_sync_protocol::workflow::AreaClass;

/// The properties of a feature.
pub(super) struct Properties<'a> {
    values: Option<&'a JsonObject>,
    feature: &'a FeatureName,
}

impl<'a> Properties<'a> {
    pub(super) fn of(feature: &'a Feature, name: &'a FeatureName) -> Self {
        Self {
            values: feature.properties.as_ref(),
            feature: name,
        }
    }

    pub(super) fn problem(&self, property: &'static str, why: impl Into<String>) -> Problem {
        Problem::Property {
            feature: self.feature.clone(),
            property,
            why: why.into(),
        }
    }

    fn get(&self, property: &'static str) -> Result<&'a JsonValue, Problem> {
        self.values
            .and_then(|values| values.get(property))
            .filter(|value| !value.is_null())
            .ok_or_else(|| self.problem(property, "is missing; give it"))
    }

    pub(super) fn text(&self, property: &'static str, limit: usize) -> Result<String, Problem> {
        let text = match self.get(property)? {
            JsonValue::String(text) => text.trim().to_owned(),
            // Codes are often written as numbers.
            JsonValue::Number(number) if number.is_u64() => number.to_string(),
            other => {
                return Err(self.problem(property, format!("is {other}; give a text")));
            }
        };
        let length = text.chars().count();
        if length == 0 || length > limit || text.chars().any(char::is_control) {
            let why = format!("has {length} characters; give 1 to {limit}, none of them control");
            return Err(self.problem(property, why));
        }
        Ok(text)
    }

    /// A text, or `None` where the property is there and says null.
    pub(super) fn text_or_null(
        &self,
        property: &'static str,
        limit: usize,
    ) -> Result<Option<String>, Problem> {
        let null = self.values.and_then(|values| values.get(property));
        if null.is_some_and(JsonValue::is_null) {
            return Ok(None);
        }
        self.text(property, limit).map(Some)
    }

    pub(super) fn count(&self, property: &'static str) -> Result<u32, Problem> {
        let value = self.get(property)?;
        value
            .as_u64()
            .and_then(|n| u32::try_from(n).ok())
            .ok_or_else(|| {
                self.problem(
                    property,
                    format!("is {value}; give a whole number, 0 or more"),
                )
            })
    }

    pub(super) fn area_class(&self) -> Result<AreaClass, Problem> {
        match self.text("area_class", MAX_CODE)?.as_str() {
            "01" => Ok(AreaClass::Urban),
            "02" => Ok(AreaClass::Rural),
            "03" => Ok(AreaClass::Remote),
            other => {
                let why = format!("is {other:?}; give 01 (urban), 02 (rural) or 03 (remote)");
                Err(self.problem("area_class", why))
            }
        }
    }

    pub(super) fn codes(&self, property: &'static str) -> Result<Vec<String>, Problem> {
        let wrong = |value: &JsonValue| {
            self.problem(
                property,
                format!("holds {value}; give a list of codes as texts"),
            )
        };
        let value = self.get(property)?;
        let list = value.as_array().ok_or_else(|| wrong(value))?;
        list.iter()
            .map(|code| {
                code.as_str()
                    .map(|c| c.trim().to_owned())
                    .ok_or_else(|| wrong(code))
            })
            .collect()
    }
}
