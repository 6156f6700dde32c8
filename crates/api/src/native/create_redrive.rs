//! Orders that dead letters are sent again.

use std::num::NonZeroU32;

use bytes::Bytes;
use kulkul_delivery::{DeadLetterFilter, RedriveOrder};
use kulkul_store::QueueId;

use super::json;
use super::redrive_json::{redrive_error, redrive_json};
use super::target_query::{DEAD_LETTER_WORDS, dead_letter_filter};
use crate::answer::Answer;
use crate::api::Call;
use crate::fc::FcError;
use crate::fields::{Fields, Text};

/// Dead letters a second: unless asked otherwise, and at most.
const RATE: NonZeroU32 = NonZeroU32::new(100).expect("a hundred is not zero");
const RATE_MAX: u32 = 10_000;

pub(super) async fn run(call: Call<'_>, body: &Bytes) -> Result<Answer, FcError> {
    let redrive = call.api.redrives.order(read(body)?).await.map_err(redrive_error)?;
    Ok(json(redrive_json(&redrive).to_string()))
}

fn read(body: &[u8]) -> Result<RedriveOrder, FcError> {
    let mut fields = Fields::parse(body)?;
    let filter = fields.take::<Fields<'_>>("filter")?.map(filter).transpose()?.unwrap_or_default();
    let to = fields.take::<Text<'_>>("to")?.filter(|to| !to.0.is_empty());
    let per_second = match fields.take::<NonZeroU32>("lettersPerSecond")? {
        None => RATE,
        Some(rate) if rate.get() <= RATE_MAX => rate,
        Some(_) => {
            let reason = format!("lettersPerSecond: must be a number from 1 to {RATE_MAX}");
            return Err(FcError::invalid(reason));
        }
    };
    fields.none_left()?;
    Ok(RedriveOrder { filter, to: to.map(|to| QueueId(to.0.as_ref().into())), per_second })
}

fn filter(mut fields: Fields<'_>) -> Result<DeadLetterFilter, FcError> {
    let mut words = Vec::new();
    for word in DEAD_LETTER_WORDS {
        if let Some(text) = fields.take::<Text<'_>>(word)? {
            words.push((word, text.0));
        }
    }
    fields.none_left()?;
    dead_letter_filter(|name| words.iter().find(|(word, _)| *word == name).map(|(_, text)| &**text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(body: &str) -> Result<RedriveOrder, String> {
        read(body.as_bytes()).map_err(|error| error.message)
    }

    #[test]
    fn a_redrive_is_of_everything_to_where_it_was_owed_unless_it_says_otherwise() {
        let plain = of("{}").unwrap();
        assert_eq!((plain.filter, plain.to, plain.per_second), (DeadLetterFilter::default(), None, RATE));
        let all = r#"{"filter":{"bus":"b","rule":"r","source":"s"},"to":"rule/b/r/t","lettersPerSecond":7}"#;
        let all = of(all).unwrap();
        assert_eq!(all.filter.target_prefix.as_deref(), Some("rule/b/r/"));
        assert_eq!((all.filter.source.as_deref(), all.per_second.get()), (Some("s"), 7));
        assert_eq!(all.to, Some(QueueId("rule/b/r/t".into())));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let table = [
            (r#"{"lettersPerSecond":0}"#, "lettersPerSecond: "),
            (r#"{"lettersPerSecond":10001}"#, "lettersPerSecond: "),
            (r#"{"filter":{"form":"x"}}"#, "form: "),
            (r#"{"filter":{"from":"x"}}"#, "from: "),
            (r#"{"rate":1}"#, "rate: "),
            ("[]", "the body is not a JSON object"),
        ];
        for (body, reason) in table {
            let error = of(body).unwrap_err();
            assert!(error.starts_with(reason), "{body}: {error}");
        }
    }
}
