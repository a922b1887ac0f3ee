//! L1–L11: lists of tokens.

use std::sync::Arc;

use serde_json::{Value, json};
use wayleave_core::platform::{Operation, RemoteToken};

use super::{BEHIND, Check, ELSEWHERE, HONEST, Need, both, made_up, two};
use crate::conformance::case::{Case, Verdict, want};
use crate::conformance::wire::{FIRST, Row, SECOND, time};
use crate::conformance::yard::Yard;
use crate::stub::json as reply;

const LIST: &[Need] = &[Need::Offers(Operation::List)];

pub const CHECKS: &[Check] = &[
    both!("L1", "an ordinary list, by one request", LIST, l1, l1_yard, Each(l1_yard)),
    made_up!("L2", "an empty list", LIST, l2, Not(BEHIND)),
    made_up!("L3", "null in place of a list", LIST, l3, Not(BEHIND)),
    made_up!(
        "L4",
        "pages, a next page elsewhere, pages without an end",
        &[Need::Offers(Operation::List), Need::Paged],
        l4,
        Not(ELSEWHERE)
    ),
    made_up!(
        "L5",
        "revoked tokens are marked",
        &[Need::Offers(Operation::List), Need::SoftRevoke],
        l5,
        Not(ELSEWHERE)
    ),
    made_up!("L6", "unknown fields and values", LIST, l6, Not(BEHIND)),
    made_up!("L7", "numbers as texts and texts as numbers", LIST, l7, Not(BEHIND)),
    made_up!("L8", "optional fields missing or null", LIST, l8, Not(BEHIND)),
    made_up!(
        "L9",
        "two tokens of one name stay apart",
        &[Need::Offers(Operation::List), Need::EqualNames],
        l9,
        Not(BEHIND)
    ),
    made_up!("L10", "secrets in a list are shown nowhere", LIST, l10, Not(HONEST)),
    made_up!("L11", "10 000 tokens", LIST, l11, Not(BEHIND)),
];

async fn listed(case: Case, body: &Value) -> Result<Vec<RemoteToken>, String> {
    let stage = case.on([(Operation::List, vec![reply(200, &body.to_string())])]).await;
    stage.list().await.map_err(|error| format!("{error:?}"))
}

async fn l1(case: Case) -> Verdict {
    let stage = case.on([(Operation::List, vec![reply(200, &two(&case))])]).await;
    let rows = stage.list().await.map_err(|error| format!("{error:?}"))?;
    want!(rows.len() == 2, "{} tokens", rows.len());
    for (row, expected) in rows.iter().zip([FIRST, SECOND]) {
        want!(row.name == expected.name, "name {:?}", row.name);
        if !case.wire.id_fields().is_empty() {
            want!(row.id.as_deref() == Some(expected.id), "id {:?}", row.id);
        }
        let end = expected.expires.and_then(time);
        if case.descriptor().lifetime.is_some() {
            want!(row.expires == end, "end {:?}", row.expires);
        }
        want!(row.id.is_some(), "an id by which to revoke");
    }
    want!(stage.sent(Operation::List).len() == 1, "{} requests", stage.sent(Operation::List).len());
    Ok(())
}

async fn l1_yard(yard: Arc<Yard>) -> Verdict {
    let before = yard.live().await?.len();
    if yard.case.offers(Operation::Issue) {
        let issued = yard.issued("listed_once").await?;
        let rows = yard.live().await?;
        let ours: Vec<_> = rows.iter().filter(|row| row.id == issued.token.id).collect();
        want!(rows.len() == before + 1 && ours.len() == 1, "{rows:?}");
        want!(ours[0].expires == issued.token.expires, "{:?}", ours[0].expires);
    }
    Ok(())
}

async fn l2(case: Case) -> Verdict {
    let rows = listed(case, &case.wire.list(vec![])).await?;
    want!(rows.is_empty(), "{rows:?}");
    Ok(())
}

async fn l3(case: Case) -> Verdict {
    let nulled = match case.wire.list(vec![]) {
        Value::Object(mut map) => {
            map.values_mut().filter(|value| value.is_array()).for_each(|v| *v = Value::Null);
            Value::Object(map)
        }
        _ => Value::Null,
    };
    let rows = listed(case, &nulled).await?;
    want!(rows.is_empty(), "{rows:?}");
    let rows = listed(case, &Value::Null).await?;
    want!(rows.is_empty(), "a whole answer of null: {rows:?}");
    Ok(())
}

fn numbered(case: &Case, from: usize, count: usize) -> Vec<Value> {
    let row = |number: usize| {
        let text: &'static str = format!("token_{number}").leak();
        case.wire.row(&Row { id: text, name: text, ..FIRST })
    };
    (from..from + count).map(row).collect()
}

async fn l4(case: Case) -> Verdict {
    let next = |origin: &str, offset: usize| format!("{origin}/?limit=2&offset={offset}");
    let page = |from: usize, count: usize, next: &str| {
        let page = case.wire.page(numbered(&case, from, count), next, 5).expect("the check counts");
        reply(200, &page.to_string())
    };
    // A next page at another origin is not asked for; the list goes on by its own count.
    let elsewhere = crate::stub::Stub::start([]).await;
    let pages = vec![
        page(0, 2, &next(&elsewhere.origin, 2)),
        page(2, 2, &next(&elsewhere.origin, 4)),
        page(4, 1, ""),
    ];
    let stage = case.on([(Operation::List, pages)]).await;
    let rows = stage.list().await.map_err(|error| format!("{error:?}"))?;
    want!(rows.len() == 5, "{} of 5 tokens", rows.len());
    want!(elsewhere.got().is_empty(), "the key went elsewhere");
    want!(stage.sent(Operation::List).len() == 3, "three pages");
    ends(case).await
}

/// A list that always says that there is more ends all the same.
async fn ends(case: Case) -> Verdict {
    let again = case.wire.page(numbered(&case, 0, 2), "/?limit=2&offset=0", 1_000_000);
    let again = again.expect("the check counts").to_string();
    let stage = case.on([(Operation::List, vec![reply(200, &again)])]).await;
    let _ = stage.list().await;
    let sent = stage.sent(Operation::List).len();
    want!(sent <= 101, "{sent} pages were asked for");
    Ok(())
}

async fn l5(case: Case) -> Verdict {
    let revoked = case.wire.revoked_row(&SECOND).expect("the check counts");
    let rows = listed(case, &case.wire.list(vec![case.wire.row(&FIRST), revoked])).await?;
    want!(rows.len() == 2, "a revoked token is kept: {rows:?}");
    want!(case.wire.is_revoked(&rows[1]) && !case.wire.is_revoked(&rows[0]), "{rows:?}");
    Ok(())
}

async fn l6(case: Case) -> Verdict {
    let mut row = case.wire.row(&FIRST);
    row["a_field_of_the_future"] = json!({ "a": [1, { "b": null }] });
    for field in ["type", "scope", "status"] {
        row[field] = "a_value_of_the_future".into();
    }
    let rows = listed(case, &case.wire.list(vec![row])).await?;
    want!(rows.len() == 1 && rows[0].name == FIRST.name, "{rows:?}");
    Ok(())
}

/// Every number as a text, and an id that is a number.
fn retyped(value: &mut Value) {
    match value {
        Value::Number(number) => *value = Value::String(number.to_string()),
        Value::Array(values) => values.iter_mut().for_each(retyped),
        Value::Object(map) => map.values_mut().for_each(retyped),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

async fn l7(case: Case) -> Verdict {
    let mut row = case.wire.row(&FIRST);
    for field in case.wire.id_fields() {
        row[*field] = 7.into();
    }
    let rows = listed(case, &case.wire.list(vec![row.clone()])).await?;
    want!(rows.len() == 1, "{rows:?}");
    if !case.wire.id_fields().is_empty() {
        want!(rows[0].id.as_deref() == Some("7"), "a number as id: {:?}", rows[0].id);
    }
    let mut list = case.wire.list(vec![row]);
    retyped(&mut list);
    let rows = listed(case, &list).await?;
    want!(rows.len() == 1, "counts as texts: {rows:?}");
    Ok(())
}

async fn l8(case: Case) -> Verdict {
    let whole = case.wire.row(&FIRST);
    let kept: Vec<&str> = match case.wire.id_fields() {
        [] => vec!["name"],
        ids => ids.to_vec(),
    };
    for null in [false, true] {
        let mut row = whole.clone();
        let map = row.as_object_mut().expect("an object");
        if null {
            map.iter_mut()
                .filter(|(k, _)| !kept.contains(&k.as_str()))
                .for_each(|(_, v)| *v = Value::Null);
        } else {
            map.retain(|key, _| kept.contains(&key.as_str()));
        }
        let rows = listed(case, &case.wire.list(vec![row])).await?;
        want!(rows.len() == 1, "null: {null}: {rows:?}");
        want!(rows[0].expires.is_none(), "an end that nobody told: {rows:?}");
    }
    let mut odd = whole;
    for field in ["created", "expiry", "expiration", "created_at"] {
        if odd.get(field).is_some() {
            odd[field] = "0001-01-01T00:00:00Z".into();
        }
    }
    let rows = listed(case, &case.wire.list(vec![odd])).await?;
    want!(rows.len() == 1 && rows[0].expires.is_none(), "year 1 is no end: {rows:?}");
    Ok(())
}

async fn l9(case: Case) -> Verdict {
    let twin = Row { name: FIRST.name, ..SECOND };
    let both = vec![case.wire.row(&FIRST), case.wire.row(&twin)];
    let rows = listed(case, &case.wire.list(both)).await?;
    want!(rows.len() == 2 && rows[0].id != rows[1].id, "{rows:?}");
    want!(rows[0].name == rows[1].name, "{rows:?}");
    Ok(())
}

async fn l10(case: Case) -> Verdict {
    let secret = case.wire.secret();
    let mut row = case.wire.row(&FIRST);
    for field in case.wire.secret_fields() {
        row[*field] = secret.into();
    }
    for field in ["note", "key", "token", "apikey"] {
        if row.get(field).is_none() {
            row[field] = secret.into();
        }
    }
    let list = case.wire.list(vec![row]);
    let stage = case.on([(Operation::List, vec![reply(200, &list.to_string())])]).await;
    let rows = stage.list().await;
    stage.secretless(&format!("{rows:?}"))?;
    let cut = list.to_string();
    let stage = case.on([(Operation::List, vec![reply(200, &cut[..cut.len() - 1])])]).await;
    let Err(error) = stage.list().await else { return Err("a cut list is accepted".into()) };
    stage.silent(&error)
}

async fn l11(case: Case) -> Verdict {
    let pages: Vec<_> = if case.wire.page(vec![], "", 0).is_some() {
        let page = |n: usize| {
            let next = if n < 9 { format!("/?offset={}", (n + 1) * 1000) } else { String::new() };
            case.wire.page(numbered(&case, n * 1000, 1000), &next, 10_000).expect("paged")
        };
        (0..10).map(page).collect()
    } else {
        vec![case.wire.list(numbered(&case, 0, 10_000))]
    };
    let expected = pages.len();
    let pages = pages.iter().map(|page| reply(200, &page.to_string())).collect();
    let stage = case.on([(Operation::List, pages)]).await;
    let rows = stage.list().await.map_err(|error| format!("{error:?}"))?;
    want!(rows.len() == 10_000, "{} tokens", rows.len());
    let sent = stage.sent(Operation::List).len();
    want!(sent == expected, "{sent} requests for {expected} pages");
    Ok(())
}
