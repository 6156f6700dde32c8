//! From the account, region and time that sample data were written for to those of the caller.

use kulkul_model::Timestamp;
use serde_json::{Number, Value};

use super::SampleOptions;
use super::draw::Draw;
use super::moment::{self, TimeText};
use crate::source::Setting;

/// The data with the caller's account and region, with times moved so that the event happens when the caller says,
/// and with new ids where the data have UUIDs. An id that stands in several members stays one id.
pub(super) fn adapt(mut data: Value, setting: &Setting, options: &SampleOptions, draw: &Draw) -> Value {
    let written_at = setting.time.map(|time| happened(&data).unwrap_or(time));
    let adapt = Adapt { setting, options, draw, written_at };
    adapt.value(&mut data);
    data
}

/// The moment of the event itself, where its data name it: audit records, system events, configuration changes.
fn happened(data: &Value) -> Option<Timestamp> {
    ["eventTime", "notificationCreationTime", "captureTime"].iter().find_map(|name| match data.get(name)? {
        Value::String(text) => match text.parse::<i64>() {
            Ok(millis) => Some(Timestamp::from_millis(millis)),
            Err(_) => TimeText::parse(text)?.instant(),
        },
        Value::Number(number) => number.as_i64().map(Timestamp::from_millis),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    })
}

struct Adapt<'a> {
    setting: &'a Setting,
    options: &'a SampleOptions,
    draw: &'a Draw,
    written_at: Option<Timestamp>,
}

impl Adapt<'_> {
    fn value(&self, value: &mut Value) {
        match value {
            Value::Object(members) => members.values_mut().for_each(|member| self.value(member)),
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(item)),
            Value::String(text) => *text = self.text(text),
            Value::Number(number) => {
                if let Some(adapted) = self.number(number) {
                    *value = adapted;
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn text(&self, text: &str) -> String {
        if let Some(moved) =
            self.written_at.and_then(|written| moment::moved(text, written, self.options.time))
        {
            return moved;
        }
        if is_uuid(text) {
            let upper = text.bytes().any(|b| b.is_ascii_uppercase());
            let id = self.draw.uuid(&text.to_ascii_lowercase());
            return if upper { id.to_ascii_uppercase() } else { id };
        }
        let mut text = text.to_owned();
        if let Some(account) = &self.setting.account {
            text = replace_word(&text, account, self.options.identity.account.as_str());
        }
        if let Some(region) = &self.setting.region {
            text = replace_word(&text, region, self.options.identity.region.as_str());
        }
        text
    }

    fn number(&self, number: &Number) -> Option<Value> {
        let written = number.as_i64()?;
        if self.setting.account.as_ref().is_some_and(|account| account.parse() == Ok(written)) {
            let account = self.options.identity.account.as_str();
            // An account id of twenty digits does not fit into a number.
            return Some(account.parse::<u64>().map_or_else(|_| account.into(), Value::from));
        }
        moment::moved_epoch(written, self.written_at?, self.options.time).map(Value::from)
    }
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Replaces `from` where no letter or digit touches it: part of a longer number is not the account.
fn replace_word(text: &str, from: &str, to: &str) -> String {
    let touches = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let mut replaced = String::with_capacity(text.len());
    let mut copied = 0;
    for (at, _) in text.match_indices(from) {
        let end = at + from.len();
        if !touches(text[..at].chars().next_back()) && !touches(text[end..].chars().next()) {
            replaced.push_str(&text[copied..at]);
            replaced.push_str(to);
            copied = end;
        }
    }
    replaced.push_str(&text[copied..]);
    replaced
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn part_of_a_longer_word_is_not_replaced() {
        let table = [
            ("acs:oss:cn-x:12:b", "acs:oss:cn-x:77:b"),
            ("MQ_INST_12_B", "MQ_INST_77_B"),
            ("123 and 12", "123 and 77"),
            ("312", "312"),
            ("", ""),
        ];
        for (text, expected) in table {
            assert_eq!(replace_word(text, "12", "77"), expected, "{text}");
        }
    }
}
