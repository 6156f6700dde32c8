//! What documents are made of: reading the elements of requests, and writing those of messages.

use http::StatusCode;
use kulkul_queue::{
    AttributeChanges, Message, NewMessage, Priority, Property, PropertyKind, Received, SystemProperty,
};
use kulkul_xml::{Element, ReadLimits, Xml, can_hold, read};

use super::error::{Code, QueueFault};
use super::reply::{self, Reply};

/// 16 messages with 50 properties of 4 elements each, and some room.
const LIMITS: ReadLimits = ReadLimits { depth_max: 8, element_count_max: 8192 };

/// The names of system properties; one client fails on any other. Source: two official clients.
const SYSTEM_PROPERTIES: &[&str] =
    &["traceparent", "tracestate", "baggage", "DLQMessageType", "DLQSourceArn", "DLQOriginMessageId"];

/// Reads a document.
pub(crate) fn parse(body: &[u8]) -> Result<Element, QueueFault> {
    read(body, LIMITS).ok_or(QueueFault::new(Code::MalformedXML))
}

/// Reads a document whose root has a name.
pub(crate) fn parse_root(body: &[u8], name: &str) -> Result<Element, QueueFault> {
    let document = parse(body)?;
    match document.name == name {
        true => Ok(document),
        false => Err(QueueFault::not_valid(&document.name)),
    }
}

/// The attributes in a document `Queue`. None at all is as good as one that is empty.
pub(crate) fn attributes(body: &[u8]) -> Result<AttributeChanges, QueueFault> {
    if body.is_empty() {
        return Ok(AttributeChanges::default());
    }
    let queue = parse_root(body, "Queue")?;
    Ok(AttributeChanges {
        delay_secs: number(&queue, "DelaySeconds")?,
        message_bytes_max: number(&queue, "MaximumMessageSize")?,
        retention_secs: number(&queue, "MessageRetentionPeriod")?,
        visibility_secs: number(&queue, "VisibilityTimeout")?,
        polling_wait_secs: number(&queue, "PollingWaitSeconds")?,
        logging: boolean(&queue, "LoggingEnabled")?,
        dead_letter: None,
    })
}

/// A message in an element `Message`.
pub(crate) fn new_message(element: &Element) -> Result<NewMessage, QueueFault> {
    if element.name != "Message" {
        return Err(QueueFault::not_valid(&element.name));
    }
    let text = text(element, "MessageBody")?.ok_or_else(|| QueueFault::not_valid("MessageBody"))?;
    let priority = number(element, "Priority")?.map(Priority::new).transpose()?.unwrap_or_default();
    Ok(NewMessage {
        text,
        delay_secs: number(element, "DelaySeconds")?,
        priority,
        user_properties: properties(element, "UserProperties", "PropertyValue", user_property)?,
        system_properties: properties(element, "SystemProperties", "SystemPropertyValue", system_property)?,
        group: self::text(element, "MessageGroupId")?.filter(|group| !group.is_empty()),
    })
}

fn properties<T>(
    message: &Element,
    list: &str,
    item: &str,
    property: fn(&Element) -> Result<T, QueueFault>,
) -> Result<Vec<T>, QueueFault> {
    message.children_named(list).flat_map(|list| list.children_named(item)).map(property).collect()
}

fn user_property(element: &Element) -> Result<Property, QueueFault> {
    let kind = match required(element, "Type")?.as_str() {
        "STRING" => PropertyKind::Text,
        "NUMBER" => PropertyKind::Number,
        "BOOLEAN" => PropertyKind::Boolean,
        "BINARY" => PropertyKind::Binary,
        _ => return Err(QueueFault::not_valid("Type")),
    };
    Ok(Property { name: required(element, "Name")?, value: required(element, "Value")?, kind })
}

fn system_property(element: &Element) -> Result<SystemProperty, QueueFault> {
    let name = required(element, "Name")?;
    if !SYSTEM_PROPERTIES.contains(&name.as_str()) {
        return Err(QueueFault::not_valid("SystemProperties"));
    }
    Ok(SystemProperty { name, value: required(element, "Value")? })
}

fn required(element: &Element, name: &str) -> Result<String, QueueFault> {
    text(element, name)?.ok_or_else(|| QueueFault::not_valid(name))
}

/// The text of an element. Characters that no document could carry back are refused.
fn text(element: &Element, name: &str) -> Result<Option<String>, QueueFault> {
    let text = element.child_text(name);
    match text.is_some_and(|text| !text.chars().all(can_hold)) {
        true => Err(QueueFault::new(Code::MalformedXML)),
        false => Ok(text.map(str::to_owned)),
    }
}

fn number(element: &Element, name: &str) -> Result<Option<u64>, QueueFault> {
    let number = |text: &str| text.trim().parse().map_err(|_| QueueFault::not_valid(name));
    element.child_text(name).map(number).transpose()
}

fn boolean(element: &Element, name: &str) -> Result<Option<bool>, QueueFault> {
    let boolean = |text: &str| match text.trim() {
        text if text.eq_ignore_ascii_case("true") => Ok(true),
        text if text.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err(QueueFault::not_valid(name)),
    };
    element.child_text(name).map(boolean).transpose()
}

/// The answer with one message, or that there is none.
pub(crate) fn one_message<T>(messages: Vec<T>, write: fn(&mut Xml, &T)) -> Result<Reply, QueueFault> {
    let message = messages.first().ok_or(QueueFault::new(Code::MessageNotExist))?;
    let mut xml = reply::root("Message");
    write(&mut xml, message);
    xml.close("Message");
    Ok(Reply::document(StatusCode::OK, xml))
}

/// The answer with some messages, or that there are none. Clients do not expect an empty list.
pub(crate) fn some_messages<T>(messages: Vec<T>, write: fn(&mut Xml, &T)) -> Result<Reply, QueueFault> {
    if messages.is_empty() {
        return Err(QueueFault::new(Code::MessageNotExist));
    }
    let mut xml = reply::root("Messages");
    for message in &messages {
        xml.open("Message");
        write(&mut xml, message);
        xml.close("Message");
    }
    xml.close("Messages");
    Ok(Reply::document(StatusCode::OK, xml))
}

/// Writes a message that was received.
pub(crate) fn write_received(xml: &mut Xml, received: &Received) {
    let message = &received.message;
    xml.text("MessageId", &message.id);
    xml.text("ReceiptHandle", &received.receipt);
    write_text(xml, message);
    millis(xml, "EnqueueTime", message.sent_at);
    millis(xml, "NextVisibleTime", received.visible_at);
    write_rest(xml, message);
}

/// Writes a message that was looked at.
pub(crate) fn write_peeked(xml: &mut Xml, message: &Message) {
    xml.text("MessageId", &message.id);
    write_text(xml, message);
    millis(xml, "EnqueueTime", message.sent_at);
    write_rest(xml, message);
}

fn write_text(xml: &mut Xml, message: &Message) {
    xml.text("MessageBody", &message.text);
    xml.text("MessageBodyMD5", &message.text_md5);
}

fn write_rest(xml: &mut Xml, message: &Message) {
    // Before the first receive it is the time of sending. Source: "PeekMessage".
    millis(xml, "FirstDequeueTime", message.first_received_at.unwrap_or(message.sent_at));
    xml.number("DequeueCount", message.received_count.into());
    xml.number("Priority", message.priority.number().into());
    // Only if there are any: an older client fails on elements within a message.
    write_list(xml, "UserProperties", "PropertyValue", &message.user_properties, |property| {
        let kind = match property.kind {
            PropertyKind::Text => "STRING",
            PropertyKind::Number => "NUMBER",
            PropertyKind::Boolean => "BOOLEAN",
            PropertyKind::Binary => "BINARY",
        };
        [("Name", property.name.as_str()), ("Value", &property.value), ("Type", kind)]
    });
    write_list(xml, "SystemProperties", "SystemPropertyValue", &message.system_properties, |property| {
        [("Name", property.name.as_str()), ("Value", &property.value), ("Type", "STRING")]
    });
    if let Some(group) = &message.group {
        xml.text("MessageGroupId", group);
    }
}

fn write_list<T>(
    xml: &mut Xml,
    list: &str,
    item: &str,
    properties: &[T],
    parts: fn(&T) -> [(&'static str, &str); 3],
) {
    if properties.is_empty() {
        return;
    }
    xml.open(list);
    for property in properties {
        xml.open(item);
        parts(property).into_iter().for_each(|(name, text)| xml.text(name, text));
        xml.close(item);
    }
    xml.close(list);
}

/// Writes a point in time, in milliseconds.
pub(crate) fn millis(xml: &mut Xml, name: &str, time: kulkul_model::Timestamp) {
    xml.number(name, u64::try_from(time.as_millis()).unwrap_or(0));
}

/// Writes a point in time, in seconds.
pub(crate) fn seconds(xml: &mut Xml, name: &str, time: kulkul_model::Timestamp) {
    xml.number(name, u64::try_from(time.as_secs()).unwrap_or(0));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(body: &str) -> Result<NewMessage, Code> {
        parse(body.as_bytes()).and_then(|document| new_message(&document)).map_err(|fault| fault.code)
    }

    #[test]
    fn messages_are_read_as_official_clients_write_them() {
        let table = [
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><Message xmlns=\"http://mns.aliyuncs.com/doc/v1/\">\
             <MessageBody>a&lt;b</MessageBody><DelaySeconds>5</DelaySeconds><Priority>1</Priority></Message>",
            "<Message xmlns=\"http://mns.aliyuncs.com/doc/v1\">\n  <Priority>1</Priority>\n  \
             <DelaySeconds>5</DelaySeconds>\n  <MessageBody>a&lt;b</MessageBody>\n</Message>",
            "<Message><MessageBody><![CDATA[a<b]]></MessageBody><DelaySeconds> 5 </DelaySeconds>\
             <Priority>1</Priority><Unknown/></Message>",
        ];
        let priority = Priority::new(1).unwrap();
        let expected =
            NewMessage { text: "a<b".to_owned(), delay_secs: Some(5), priority, ..NewMessage::default() };
        for body in table {
            assert_eq!(message(body), Ok(expected.clone()), "{body}");
        }
    }

    #[test]
    fn properties_are_read() {
        let body = "<Message><MessageBody>a</MessageBody><UserProperties><PropertyValue><Name>s</Name>\
                    <Value>v1</Value><Type>STRING</Type></PropertyValue></UserProperties><SystemProperties>\
                    <SystemPropertyValue><Name>baggage</Name><Value>x</Value><Type>STRING</Type>\
                    </SystemPropertyValue></SystemProperties><MessageGroupId>g</MessageGroupId></Message>";
        let message = message(body).unwrap();
        let property = Property { name: "s".to_owned(), value: "v1".to_owned(), kind: PropertyKind::Text };
        assert_eq!(message.user_properties, [property]);
        let property = SystemProperty { name: "baggage".to_owned(), value: "x".to_owned() };
        assert_eq!((message.system_properties, message.group.as_deref()), (vec![property], Some("g")));
    }

    #[test]
    fn documents_that_are_wrong_are_told_from_those_that_are_no_documents() {
        let property = |inner: &str| {
            format!(
                "<Message><MessageBody>a</MessageBody><UserProperties><PropertyValue>{inner}</PropertyValue>\
                 </UserProperties></Message>"
            )
        };
        let table = [
            ("<Message>".to_owned(), Code::MalformedXML),
            ("<!DOCTYPE a><Message/>".to_owned(), Code::MalformedXML),
            ("<Message><MessageBody>&#1;</MessageBody></Message>".to_owned(), Code::MalformedXML),
            ("<Message><MessageBody>\u{1}</MessageBody></Message>".to_owned(), Code::MalformedXML),
            ("<Message/>".to_owned(), Code::InvalidArgument),
            ("<Mail><MessageBody>a</MessageBody></Mail>".to_owned(), Code::InvalidArgument),
            (
                "<Message><MessageBody>a</MessageBody><Priority>0</Priority></Message>".to_owned(),
                Code::InvalidArgument,
            ),
            (
                "<Message><MessageBody>a</MessageBody><Priority>high</Priority></Message>".to_owned(),
                Code::InvalidArgument,
            ),
            (
                "<Message><MessageBody>a</MessageBody><DelaySeconds>-1</DelaySeconds></Message>".to_owned(),
                Code::InvalidArgument,
            ),
            (property("<Name>a</Name><Value>b</Value>"), Code::InvalidArgument),
            (property("<Name>a</Name><Value>b</Value><Type>DATE</Type>"), Code::InvalidArgument),
            (property("<Value>b</Value><Type>STRING</Type>"), Code::InvalidArgument),
        ];
        for (body, code) in table {
            assert_eq!(message(&body), Err(code), "{body}");
        }
    }
}
