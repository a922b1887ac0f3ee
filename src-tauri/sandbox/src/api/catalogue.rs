//! A very small STAC catalogue, for programs that need a protected one to read.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::auth::Caller;
use super::{Call, not_found};
use crate::reply;

/// `GET /api/catalogue/stac…`. The front server lets API tokens in only; the catalogue of a
/// workspace is for its own tokens.
pub(super) fn serve(call: &Call<'_>, rest: &[&str]) -> Response {
    let Caller::Token { workspace, .. } = call.caller else {
        return reply::nginx(StatusCode::FORBIDDEN);
    };
    let root = format!("{}/api/catalogue/stac", call.app.hub);
    match rest {
        [] | [""] => reply::json(StatusCode::OK, &landing(&root)),
        ["conformance"] => reply::json(StatusCode::OK, &json!({ "conformsTo": CONFORMS })),
        ["collections"] => {
            let links = json!([link("self", &format!("{root}/collections")), link("root", &root)]);
            let all = json!({ "collections": [collection(&root)], "links": links });
            reply::json(StatusCode::OK, &all)
        }
        ["collections", "sandbox"] => reply::json(StatusCode::OK, &collection(&root)),
        ["collections", "sandbox", "items"] | ["search"] => {
            reply::json(StatusCode::OK, &items(&root, &call.app.hub))
        }
        ["catalogs", "user", "catalogs", name] if name == workspace => {
            reply::json(StatusCode::OK, &catalog(name, &format!("Catalogue of {name}"), &root))
        }
        ["catalogs", "user", "catalogs", _] => reply::nginx(StatusCode::FORBIDDEN),
        _ => not_found(),
    }
}

const CONFORMS: [&str; 4] = [
    "https://api.stacspec.org/v1.0.0/core",
    "https://api.stacspec.org/v1.0.0/collections",
    "https://api.stacspec.org/v1.0.0/ogcapi-features",
    "https://api.stacspec.org/v1.0.0/item-search",
];

fn link(rel: &str, href: &str) -> Value {
    let kind =
        if rel == "items" || rel == "search" { "application/geo+json" } else { "application/json" };
    json!({ "rel": rel, "type": kind, "href": href })
}

fn catalog(id: &str, description: &str, root: &str) -> Value {
    json!({
        "type": "Catalog", "stac_version": "1.0.0", "id": id, "description": description,
        "links": [link("root", root)],
    })
}

fn landing(root: &str) -> Value {
    let mut value = catalog("sandbox", "Catalogue of the Sandbox EO Data Hub", root);
    if let Value::Object(map) = &mut value {
        let at = |path: &str| format!("{root}/{path}");
        map.insert("conformsTo".to_owned(), json!(CONFORMS));
        map.insert(
            "links".to_owned(),
            json!([
                link("self", root),
                link("root", root),
                link("conformance", &at("conformance")),
                link("data", &at("collections")),
                link("search", &at("search")),
                link("child", &at("collections/sandbox")),
            ]),
        );
    }
    value
}

fn collection(root: &str) -> Value {
    let own = format!("{root}/collections/sandbox");
    json!({
        "type": "Collection", "stac_version": "1.0.0", "id": "sandbox", "title": "Sandbox tiles",
        "description": "One item over the British Isles", "license": "CC0-1.0",
        "extent": {
            "spatial": { "bbox": [[-11.0, 49.0, 2.0, 61.0]] },
            "temporal": { "interval": [["2025-01-01T00:00:00Z", Value::Null]] },
        },
        "links": [link("self", &own), link("root", root), link("items", &format!("{own}/items"))],
    })
}

fn items(root: &str, hub: &str) -> Value {
    let own = format!("{root}/collections/sandbox");
    json!({
        "type": "FeatureCollection",
        "features": [{
            "type": "Feature", "stac_version": "1.0.0", "id": "isles", "collection": "sandbox",
            "bbox": [-11.0, 49.0, 2.0, 61.0],
            "geometry": { "type": "Polygon", "coordinates": [[
                [-11.0, 49.0], [2.0, 49.0], [2.0, 61.0], [-11.0, 61.0], [-11.0, 49.0],
            ]]},
            "properties": { "datetime": "2025-01-01T00:00:00Z" },
            "assets": { "preview": {
                "href": format!("{hub}/tiles/5/15/10.png"), "type": "image/png", "roles": ["overview"],
            }},
            "links": [link("collection", &own), link("root", root)],
        }],
        "links": [link("self", &format!("{own}/items")), link("root", root)],
    })
}
