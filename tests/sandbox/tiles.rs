//! The protected services that a key is for: tiles, catalogue, files.

use wayleave_sandbox::{DEMO, Sandbox};

use crate::{call, client, demo_key, is_nginx, sandbox, tokens};

async fn tile(sandbox: &Sandbox, path: &str, key: &str) -> (u16, Vec<u8>) {
    let url = format!("{}{path}", sandbox.hub_url());
    let response = client().get(url).bearer_auth(key).send().await.unwrap();
    (response.status().as_u16(), response.bytes().await.unwrap().to_vec())
}

#[tokio::test]
async fn tiles_are_pictures_for_keys_only() {
    let sandbox = sandbox();
    let (id, key) = demo_key(&sandbox);
    let (status, png) = tile(&sandbox, "/tiles/5/15/10.png", &key).await;
    assert_eq!(status, 200);
    let mut reader = png::Decoder::new(std::io::Cursor::new(&png)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let frame = reader.next_frame(&mut pixels).unwrap();
    assert_eq!((frame.width, frame.height), (256, 256));
    assert_ne!(png, tile(&sandbox, "/tiles/5/16/10.png", &key).await.1, "tiles differ");
    assert_eq!(tile(&sandbox, "/tiles/demo-ws/0/0/0.png", &key).await.0, 200);
    assert_eq!(tile(&sandbox, "/tiles/demo-lab/0/0/0.png", &key).await.0, 403);
    for outside in ["/tiles/1/2/0.png", "/tiles/99/0/0.png", "/tiles/1/0/0.jpg", "/tiles/1/0"] {
        assert_eq!(tile(&sandbox, outside, &key).await.0, 404, "{outside}");
    }
    assert!(is_nginx(&call(&sandbox, "GET", "/tiles/0/0/0.png", "").await, 401));
    assert!(is_nginx(&call(&sandbox, "GET", "/tiles/0/0/0.png", "wrong").await, 401));
    let jwt = tokens::access(&sandbox, DEMO).await;
    assert!(is_nginx(&call(&sandbox, "GET", "/tiles/0/0/0.png", &jwt).await, 403));
    let first = &sandbox.seen()[0];
    assert_eq!(first.who, Some(format!("token:{id}")));
    assert!(first.headers.contains(&"authorization".to_owned()));
    assert!(!serde_json::to_string(&sandbox.seen()).unwrap().contains(&key), "no secret is kept");
}

#[tokio::test]
async fn a_key_in_an_address_is_noticed_and_not_kept() {
    let sandbox = sandbox();
    let (_, key) = demo_key(&sandbox);
    call(&sandbox, "GET", &format!("/tiles/0/0/0.png?token={key}"), "").await;
    call(&sandbox, "GET", &format!("/tiles/{key}/0/0/0.png"), "").await;
    let seen = sandbox.seen();
    assert!(seen.iter().all(|s| s.secret_in_url) && seen.len() == 2);
    assert_eq!(seen[0].query, ["token"]);
    assert!(!serde_json::to_string(&seen).unwrap().contains(&key));
}

#[tokio::test]
async fn the_catalogue_is_for_keys_only() {
    let sandbox = sandbox();
    let (_, key) = demo_key(&sandbox);
    let root = "/api/catalogue/stac";
    let landing = call(&sandbox, "GET", root, &key).await.json();
    assert_eq!(
        (landing["type"].as_str(), landing["stac_version"].as_str()),
        (Some("Catalog"), Some("1.0.0"))
    );
    for link in landing["links"].as_array().unwrap() {
        let path = link["href"].as_str().unwrap().strip_prefix(sandbox.hub_url()).unwrap();
        assert_eq!(call(&sandbox, "GET", path, &key).await.status, 200, "{path}");
    }
    let items = call(&sandbox, "GET", &format!("{root}/collections/sandbox/items"), &key).await;
    assert_eq!(items.json()["features"].as_array().unwrap().len(), 1);
    assert!(is_nginx(&call(&sandbox, "GET", root, "").await, 401));
    let jwt = tokens::access(&sandbox, DEMO).await;
    assert!(is_nginx(&call(&sandbox, "GET", root, &jwt).await, 403));
    let own = format!("{root}/catalogs/user/catalogs/demo-ws");
    assert_eq!(call(&sandbox, "GET", &own, &key).await.status, 200);
    let other = format!("{root}/catalogs/user/catalogs/tidewatch");
    assert!(is_nginx(&call(&sandbox, "GET", &other, &key).await, 403));
}

#[tokio::test]
async fn files_are_read_written_and_removed_by_the_workspaces_key() {
    let sandbox = sandbox();
    let (_, key) = demo_key(&sandbox);
    let workspace = call(&sandbox, "GET", "/api/workspaces/demo-ws", &key).await.json();
    let url = workspace["stores"][0]["object"][0]["access_url"].as_str().unwrap().to_owned();
    let at = |name: &str| format!("{}{name}", url.strip_prefix(sandbox.hub_url()).unwrap());
    assert!(call(&sandbox, "GET", &at("readme.txt"), &key).await.body.contains("demo-ws"));
    let put = client().put(format!("{url}new/a%20b.txt")).bearer_auth(&key).body("text");
    assert_eq!(put.send().await.unwrap().status().as_u16(), 200);
    assert_eq!(call(&sandbox, "GET", &at("new/a%20b.txt"), &key).await.body, "text");
    assert_eq!(call(&sandbox, "DELETE", &at("new/a%20b.txt"), &key).await.status, 200);
    assert_eq!(call(&sandbox, "GET", &at("new/a%20b.txt"), &key).await.status, 404);
    assert_eq!(call(&sandbox, "GET", &at("%2e%2e/demo-lab/readme.txt"), &key).await.status, 404);
    assert_eq!(call(&sandbox, "GET", &at("..%2fdemo-lab/readme.txt"), &key).await.status, 404);
    let other = "/files/demo-lab/workspaces-eodhp/readme.txt";
    assert_eq!(call(&sandbox, "GET", other, &key).await.status, 403);
    assert!(is_nginx(&call(&sandbox, "GET", other, "").await, 401));
}
