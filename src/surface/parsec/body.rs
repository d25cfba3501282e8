//! JSON bodies, a member at a time, so that each gets an error of its own. Unknown members are ignored (§1).

use super::error::Failure;
use serde_json::{Map, Value};

/// A JSON object as it was sent. A body that is not there is an empty one.
pub(super) struct Body(Map<String, Value>);

impl Body {
    /// Reads a whole body.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Failure> {
        if bytes.trim_ascii().is_empty() {
            return Ok(Self(Map::new()));
        }
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(members)) => Ok(Self(members)),
            Ok(_) => Err(Failure::bad_request("request body must be a JSON object")),
            Err(_) => Err(Failure::bad_request("request body is not valid JSON")),
        }
    }

    /// The same of an object that was read already.
    pub(super) fn of(members: Map<String, Value>) -> Self {
        Self(members)
    }

    /// The same without a member.
    pub(super) fn without(mut self, name: &str) -> Self {
        self.0.remove(name);
        self
    }

    /// A member, unless it is null.
    fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// Whether nothing is in it but nulls.
    pub(super) fn is_empty(&self) -> bool {
        self.0.values().all(Value::is_null)
    }

    /// A text, if it is there; an empty one is as good as none.
    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, Failure> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                Err(Failure::bad_request(format!("{name} must be a string")))
            }
        }
    }

    /// A text that must be there.
    pub(super) fn required(&self, name: &str) -> Result<&str, Failure> {
        self.text(name)?.ok_or_else(|| Failure::missing(format!("{name} is required")))
    }

    /// A number's digits, if it is there.
    pub(super) fn number(&self, name: &str) -> Result<Option<String>, Failure> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_)) => {
                Err(Failure::bad_request(format!("{name} must be a number")))
            }
        }
    }

    /// A number that must be there.
    pub(super) fn required_number(&self, name: &str) -> Result<String, Failure> {
        self.number(name)?.ok_or_else(|| Failure::missing(format!("{name} is required")))
    }

    /// A whole number, if it is there.
    pub(super) fn whole(&self, name: &str) -> Result<Option<i64>, Failure> {
        let Some(text) = self.number(name)? else { return Ok(None) };
        let number = super::number::scaled(&text, 0);
        number.map(Some).map_err(|_| Failure::bad_request(format!("{name} must be a whole number")))
    }

    /// A text, or a number's digits, if it is there: values of `params` come as either (§7.2).
    pub(super) fn text_or_number(&self, name: &str) -> Result<Option<String>, Failure> {
        match self.get(name) {
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            _ => Ok(self.text(name)?.map(str::to_owned)),
        }
    }

    /// Yes or no; no if nothing was said.
    pub(super) fn flag(&self, name: &str) -> Result<bool, Failure> {
        match self.get(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(Value::Null | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_)) => {
                Err(Failure::bad_request(format!("{name} must be true or false")))
            }
        }
    }

    /// An object within, if it is there.
    pub(super) fn object(&self, name: &str) -> Result<Option<Self>, Failure> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Object(members)) => Ok(Some(Self(members.clone()))),
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
                Err(Failure::bad_request(format!("{name} must be an object")))
            }
        }
    }

    /// How many texts a list has, if it is there.
    pub(super) fn list(&self, name: &str) -> Result<Option<usize>, Failure> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Array(entries)) if entries.iter().all(Value::is_string) => Ok(Some(entries.len())),
            Some(
                Value::Null
                | Value::Bool(_)
                | Value::Number(_)
                | Value::String(_)
                | Value::Array(_)
                | Value::Object(_),
            ) => Err(Failure::bad_request(format!("{name} must be a list of strings"))),
        }
    }
}
