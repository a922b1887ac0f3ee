//! Reading JSON that platforms write as they like (platforms.md G.6): absent, empty and null are
//! the same, a number may stand for a text, and what is not understood is passed over.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::secret::Secret;

/// A text, or a number in its place; empty and null are the same as absent.
pub fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Option::<Value>::deserialize(deserializer)? {
        Some(Value::String(text)) if !text.is_empty() => Some(text),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    })
}

/// A count, also written as a text; anything else is absent.
pub fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Ok(text(deserializer)?.and_then(|text| text.parse().ok()))
}

/// Texts; `null` is none of them, and what is no text is passed over.
pub fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let listed = Option::<Vec<Value>>::deserialize(deserializer)?.unwrap_or_default();
    let text = |value| if let Value::String(text) = value { Some(text) } else { None };
    Ok(listed.into_iter().filter_map(text).collect())
}

/// A secret text, taken over into wiped memory; anything else is absent.
pub fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    Ok(MaybeSecret::deserialize(deserializer)?.0)
}

/// Secret texts by name; what is no text, or no object at all, is passed over.
pub fn secrets<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, Secret>, D::Error> {
    deserializer.deserialize_any(TakingAll)
}

struct TakingAll;

impl<'de> Visitor<'de> for TakingAll {
    type Value = BTreeMap<String, Secret>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = BTreeMap::new();
        while let Some((name, MaybeSecret(secret))) = map.next_entry()? {
            found.extend(secret.map(|secret| (name, secret)));
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(BTreeMap::new())
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(BTreeMap::new())
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(BTreeMap::new())
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(BTreeMap::new())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(BTreeMap::new())
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(BTreeMap::new())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(BTreeMap::new())
    }
}

/// A value that is a secret where it is a text. It never passes through memory that is not wiped.
#[derive(Debug)]
struct MaybeSecret(Option<Secret>);

impl<'de> Deserialize<'de> for MaybeSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Taking)
    }
}

struct Taking;

impl<'de> Visitor<'de> for Taking {
    type Value = MaybeSecret;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<MaybeSecret, E> {
        self.visit_string(text.to_owned())
    }

    fn visit_string<E: serde::de::Error>(self, text: String) -> Result<MaybeSecret, E> {
        Ok(MaybeSecret(Some(Secret::from_text(text)).filter(|secret| !secret.is_empty())))
    }

    fn visit_unit<E>(self) -> Result<MaybeSecret, E> {
        Ok(MaybeSecret(None))
    }

    fn visit_bool<E>(self, _: bool) -> Result<MaybeSecret, E> {
        Ok(MaybeSecret(None))
    }

    fn visit_i64<E>(self, _: i64) -> Result<MaybeSecret, E> {
        Ok(MaybeSecret(None))
    }

    fn visit_u64<E>(self, _: u64) -> Result<MaybeSecret, E> {
        Ok(MaybeSecret(None))
    }

    fn visit_f64<E>(self, _: f64) -> Result<MaybeSecret, E> {
        Ok(MaybeSecret(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<MaybeSecret, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(MaybeSecret(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<MaybeSecret, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(MaybeSecret(None))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct All {
        #[serde(default, deserialize_with = "text")]
        text: Option<String>,
        #[serde(default, deserialize_with = "count")]
        count: Option<u64>,
        #[serde(default, deserialize_with = "texts")]
        texts: Vec<String>,
        #[serde(default, deserialize_with = "secret")]
        secret: Option<Secret>,
    }

    fn read(json: &str) -> All {
        serde_json::from_str(json).expect(json)
    }

    #[test]
    fn what_is_odd_is_absent() {
        for odd in ["null", "[]", "{}", "[1,{\"a\":2}]", "{\"a\":[1]}", "true"] {
            let json = format!(r#"{{"text":{odd},"count":{odd},"secret":{odd}}}"#);
            let all = read(&json);
            assert!(all.text.is_none() && all.count.is_none() && all.secret.is_none(), "{odd}");
        }
        let all = read("{}");
        assert!(all.text.is_none() && all.texts.is_empty());
    }

    #[test]
    fn what_is_there_is_read() {
        let all = read(r#"{"text":7,"count":"18","texts":["a",null,3,"b"],"secret":"s\u00e9"}"#);
        assert_eq!((all.text.as_deref(), all.count), (Some("7"), Some(18)));
        assert_eq!(all.texts, ["a", "b"]);
        assert_eq!(all.secret.expect("is there").expose_text(), Some("sé"));
        assert!(read(r#"{"secret":1}"#).secret.is_none());
    }
}
