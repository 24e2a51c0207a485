//! One spelling for each JSON document, so that a hash can stand over it.
//!
//! It is RFC 8785 for documents whose numbers are whole: keys in order, no blanks, the
//! shortest escapes. A line of an evidence file that is spelled otherwise is refused, so
//! that no byte of it escapes the hash by being said twice.

use serde_json::Value;

/// The one spelling of a document.
pub(crate) fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

fn write(value: &Value, to: &mut String) {
    match value {
        Value::Array(items) => {
            to.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    to.push(',');
                }
                write(item, to);
            }
            to.push(']');
        }
        Value::Object(fields) => {
            let mut fields: Vec<(&String, &Value)> = fields.iter().collect();
            fields.sort_unstable_by_key(|(key, _)| *key);
            to.push('{');
            for (index, (key, value)) in fields.into_iter().enumerate() {
                if index > 0 {
                    to.push(',');
                }
                to.push_str(&Value::from(key.as_str()).to_string());
                to.push(':');
                write(value, to);
            }
            to.push('}');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            to.push_str(&value.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_in_order_and_nothing_is_written_that_need_not_be() {
        let value: Value = serde_json::from_str(
            "{ \"b\": [1, null, \"\\u00e9\\u0001\\n\\/\"],\"a\":{\"d\":-3,\"c\":true} }",
        )
        .unwrap();
        assert_eq!(
            canonical(&value),
            "{\"a\":{\"c\":true,\"d\":-3},\"b\":[1,null,\"é\\u0001\\n/\"]}"
        );
    }
}
