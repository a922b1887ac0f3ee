//! The program: what it prints and when it stops.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

fn start(arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_wayleave-sandbox"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts")
}

fn first_line(child: &mut Child) -> String {
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    line
}

#[tokio::test]
async fn one_line_of_json_and_an_end_with_stdin() {
    let mut child = start(&["--json", "--controls", "0", "--until-stdin-closes"]);
    let said: Value = serde_json::from_str(&first_line(&mut child)).unwrap();
    let hub = said["hub"].as_str().unwrap();
    let page = crate::answer(crate::client().get(hub)).await;
    assert!(page.body.contains("Sandbox EO Data Hub"));
    assert_eq!(
        (&said["username"], &said["client_id"]),
        (&"demo".into(), &"wayleave-desktop".into())
    );
    assert_eq!(said["issuer"].as_str().unwrap(), format!("{hub}/keycloak/realms/eodhp"));
    assert!(said["first_keys"]["dataos"].is_string());
    assert!(said["s3"].as_str().unwrap().starts_with("http://127.0.0.1:"));
    let reset = crate::client().post(said["controls"].as_str().unwrap()).body(r#"{"do":"reset"}"#);
    assert_eq!(crate::answer(reset).await.status, 200);
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn text_for_people_and_an_end_by_signal() {
    let mut child = start(&[]);
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut text = String::new();
    while !text.contains("Stop with Ctrl+C.") {
        assert_ne!(out.read_line(&mut text).unwrap(), 0, "ended early: {text}");
    }
    for part in
        ["http://127.0.0.1:", "demo / demo-password", "wayleave-desktop", "S3 endpoint", "OVH pair"]
    {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("controls"), "only when asked for");
    let kill = Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(kill.success() && child.wait().unwrap().success());
    out.read_to_string(&mut text).unwrap();
}

#[test]
fn a_taken_port_is_an_error() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = Command::new(env!("CARGO_BIN_EXE_wayleave-sandbox"))
        .args(["--port", &port])
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("in use"));
}
