//! Patterns, and events that match them.

use std::fmt::Write as _;

/// About how long an event is.
pub(crate) const EVENT_BYTES: usize = 1024;

/// What the patterns ask for.
#[derive(Clone, Copy)]
pub(crate) enum Shape {
    /// One exact value of one attribute.
    OneValue,
    /// Exact values of two attributes and of a field in the data.
    Values,
    /// Exact values, prefixes and suffixes of attributes, and one to three conditions on the data.
    Mixed,
}

impl Shape {
    pub(crate) const ALL: [Self; 3] = [Shape::OneValue, Shape::Values, Shape::Mixed];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Shape::OneValue => "one value",
            Shape::Values => "three values",
            Shape::Mixed => "mixed conditions",
        }
    }

    /// The pattern of a rule. An event for a rule matches no other rule's pattern.
    pub(crate) fn pattern(self, rule: usize) -> String {
        let (source, kind) = (source(rule), kind(rule));
        match self {
            Shape::OneValue => format!(r#"{{"subject":["{}"]}}"#, subject(rule)),
            Shape::Values => format!(
                r#"{{"source":["{source}"],"type":["{kind}"],"data":{{"order":{{"customer":["customer-{rule}"]}}}}}}"#
            ),
            Shape::Mixed => {
                let source = match rule % 3 {
                    0 => format!(r#"{{"prefix":"{source}"}}"#),
                    _ => format!(r#""{source}""#),
                };
                let kind = match rule % 5 {
                    0 => format!(r#"{{"prefix":"{}:"}}"#, service(rule)),
                    _ => format!(r#""{kind}""#),
                };
                let subject = match rule % 4 {
                    0 => format!(r#""{}""#, subject(rule)),
                    1 => format!(r#"{{"suffix":"/{rule}.jpg"}}"#),
                    _ => format!(r#"{{"prefix":"acs:oss:cn-hangzhou:1234567890:bucket-{rule}/"}}"#),
                };
                let data = match rule % 3 {
                    0 => r#""amount":[{"numeric":[">",0,"<=",100000]}]"#.to_owned(),
                    1 => r#""region":["cn-hangzhou","cn-beijing"],"state":[{"anything-but":["deleted","lost"]}]"#.to_owned(),
                    _ => format!(
                        r#""state":[{{"prefix":"ok"}}],"ip":[{{"cidr":"10.0.0.0/8"}}],"order":{{"customer":["customer-{rule}"]}}"#
                    ),
                };
                format!(r#"{{"source":[{source}],"type":[{kind}],"subject":[{subject}],"data":{{{data}}}}}"#)
            }
        }
    }
}

/// Where in the event the fields stand that patterns ask for.
#[derive(Clone, Copy)]
pub(crate) enum Layout {
    /// Before everything else.
    Early,
    /// After everything else.
    Late,
}

impl Layout {
    pub(crate) const ALL: [Self; 2] = [Layout::Early, Layout::Late];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Layout::Early => "early",
            Layout::Late => "late",
        }
    }
}

fn service(rule: usize) -> &'static str {
    ["oss", "ecs", "fc", "mns", "rds", "slb", "cdn", "ram", "kms", "actiontrail"][rule % 10]
}

fn source(rule: usize) -> String {
    format!("acs.{}", service(rule))
}

fn kind(rule: usize) -> String {
    format!("{}:ObjectCreated:Action{}", service(rule), rule / 10 % 50)
}

fn subject(rule: usize) -> String {
    format!("acs:oss:cn-hangzhou:1234567890:bucket-{rule}/images/2024/{rule}.jpg")
}

/// An event that matches the pattern of `rule`, whatever its shape; events with different numbers differ elsewhere.
pub(crate) fn event(layout: Layout, rule: usize, number: usize) -> String {
    let attributes =
        format!(r#""source":"{}","type":"{}","subject":"{}""#, source(rule), kind(rule), subject(rule));
    let other_attributes = format!(
        r#""id":"b1e6c0a4-6f0a-4c1e-9d1e-{number:012}","specversion":"1.0","datacontenttype":"application/json; charset=utf-8","time":"2024-05-17T08:31:{:02}.123Z","aliyunaccountid":"1234567890123456","aliyunpublishtime":"2024-05-17T08:31:11.456Z","aliyuneventbusname":"default","aliyunregionid":"cn-hangzhou""#,
        number % 60
    );
    let fields = format!(
        r#""region":"cn-hangzhou","state":"ok-{number}","amount":{}.50,"ip":"10.1.{}.{}","order":{{"customer":"customer-{rule}","lines":2}}"#,
        number + 1,
        number % 200,
        number % 100
    );
    let mut other_fields = String::new();
    let mut item = 0;
    loop {
        let rest = format!(
            r#""item{item}":{{"name":"thing number {item}","tags":["new","a \"quoted\" word",{item}],"price":1{item}.90,"stock":null}}"#
        );
        let length =
            attributes.len() + other_attributes.len() + fields.len() + other_fields.len() + rest.len() + 20;
        if length > EVENT_BYTES {
            break;
        }
        write!(other_fields, "{}{rest}", if item == 0 { "" } else { "," })
            .expect("writing to memory does not fail");
        item += 1;
    }
    match layout {
        Layout::Early => {
            format!(r#"{{{attributes},{other_attributes},"data":{{{fields},{other_fields}}}}}"#)
        }
        Layout::Late => {
            format!(r#"{{{other_attributes},"data":{{{other_fields},{fields}}},{attributes}}}"#)
        }
    }
}
