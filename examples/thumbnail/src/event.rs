//! What an event says about objects.

use serde_json::Value;

/// An object that an event speaks of.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ObjectName {
    pub(crate) bucket: String,
    pub(crate) key: String,
}

/// Returns the objects that an event says were created, in its order.
///
/// Reads one CloudEvent (the record is its `data`), the native document `{"events":[…]}` of an `oss`
/// trigger, and a bare record (a trigger with the schema `RawData`). Other kinds of change name no object.
pub(crate) fn created_objects(body: &[u8]) -> Result<Vec<ObjectName>, String> {
    let event: Value =
        serde_json::from_slice(body).map_err(|error| format!("the event is not JSON: {error}"))?;
    let records = match (event.get("events"), event.get("data")) {
        (Some(Value::Array(records)), _) => records.iter().collect(),
        (_, Some(data)) => vec![data],
        _ => vec![&event],
    };
    let named: Result<Vec<_>, String> = records.into_iter().map(created_object).collect();
    Ok(named?.into_iter().flatten().collect())
}

fn created_object(record: &Value) -> Result<Option<ObjectName>, String> {
    let text = |pointer: &str| {
        let value = record.pointer(pointer).and_then(Value::as_str);
        value.map(str::to_owned).ok_or(format!("the event has no text at {}", pointer.replace('/', ".")))
    };
    if !text("/eventName")?.starts_with("ObjectCreated:") {
        return Ok(None);
    }
    Ok(Some(ObjectName { bucket: text("/oss/bucket/name")?, key: text("/oss/object/key")? }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn record(name: &str) -> Value {
        json!({"eventName": name, "oss": {"bucket": {"name": "media"}, "object": {"key": "in/a b.jpg"}}})
    }

    fn created(event: &Value) -> Result<Vec<ObjectName>, String> {
        created_objects(event.to_string().as_bytes())
    }

    #[test]
    fn each_form_of_event_names_its_objects() {
        let created_record = record("ObjectCreated:PutObject");
        let forms = [
            json!({"specversion": "1.0", "source": "acs.oss", "data": created_record}),
            json!({"events": [created_record]}),
            created_record.clone(),
        ];
        for form in forms {
            let object = ObjectName { bucket: "media".to_owned(), key: "in/a b.jpg".to_owned() };
            assert_eq!(created(&form), Ok(vec![object]), "{form}");
        }
    }

    #[test]
    fn other_changes_name_no_object() {
        let native =
            json!({"events": [record("ObjectRemoved:DeleteObject"), record("ObjectCreated:CopyObject")]});
        assert_eq!(created(&native).unwrap().len(), 1);
        assert_eq!(created(&json!({"data": record("ObjectModified:UpdateObjectMeta")})), Ok(vec![]));
    }

    #[test]
    fn what_an_event_lacks_is_named() {
        let table = [
            (json!({"data": {}}), "the event has no text at .eventName"),
            (json!({"eventName": "ObjectCreated:PutObject"}), "the event has no text at .oss.bucket.name"),
            (json!({"events": [7]}), "the event has no text at .eventName"),
        ];
        for (event, problem) in table {
            assert_eq!(created(&event), Err(problem.to_owned()), "{event}");
        }
        assert!(created_objects(b"{").unwrap_err().starts_with("the event is not JSON: "));
    }
}
