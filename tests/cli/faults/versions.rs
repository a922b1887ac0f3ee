//! A client and an agent of two versions: both ends are the real ones, and each takes the other for
//! a newer or an older one, because what stands between them changes the version in every frame.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::thread;

use wayleave_core::agent::frame::{HEADER, STOP};
use wayleave_core::api::PROTOCOL;

use super::stage::{Check, Stage, wanted};
use crate::home::Home;

/// Frames that pass here change their version: on the way to the agent, and on the way back.
#[derive(Clone, Copy)]
struct Shift {
    there: u16,
    back: u16,
}

/// Stands at `place` for the agent at `agent`, until it has seen that one end.
fn interpose(place: PathBuf, agent: PathBuf, shift: Shift) -> thread::JoinHandle<()> {
    std::fs::create_dir_all(place.parent().expect("a folder")).expect("made");
    let listener = UnixListener::bind(&place).expect("listens");
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            if pass(client, &agent, shift, &place).is_none() {
                return;
            }
        }
    })
}

/// One connection; `None`: the agent was told to end, and has.
fn pass(mut client: UnixStream, agent: &PathBuf, shift: Shift, place: &PathBuf) -> Option<()> {
    // A client that only looks whether somebody listens says nothing.
    let Some((frame, stop)) = frame(&mut client, shift.there) else { return Some(()) };
    let mut upstream = UnixStream::connect(agent).expect("the agent listens");
    upstream.write_all(&frame).expect("passed on");
    match self::frame(&mut upstream, shift.back) {
        Some((answer, _)) => client.write_all(&answer).expect("passed back"),
        None if stop => {
            std::fs::remove_file(place).expect("taken away");
            return None;
        }
        None => {}
    }
    Some(())
}

/// A whole frame with another version, and whether it orders to stop.
fn frame(from: &mut UnixStream, version: u16) -> Option<(Vec<u8>, bool)> {
    let mut bytes = vec![0; HEADER];
    from.read_exact(&mut bytes).ok()?;
    let long = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four")) as usize;
    let length = long(8) + long(12);
    let stop = u16::from_be_bytes([bytes[6], bytes[7]]) & STOP != 0;
    bytes[4..6].copy_from_slice(&version.to_be_bytes());
    let mut body = vec![0; length];
    from.read_exact(&mut body).ok()?;
    bytes.extend(body);
    Some((bytes, stop))
}

#[test]
fn version_skew() {
    let mut check = Check::new("version_skew");
    for (who, shift) in [
        // The agent takes the client for a newer one, and answers as the older one that it is.
        ("an older agent", Shift { there: PROTOCOL + 1, back: PROTOCOL - 1 }),
        ("a newer agent", Shift { there: PROTOCOL - 1, back: PROTOCOL + 1 }),
        // It understands us, and we do not understand it.
        ("an agent that answers in another version", Shift { there: PROTOCOL, back: PROTOCOL + 1 }),
    ] {
        skewed(&mut check, who, shift);
    }
    check.done();
}

fn skewed(check: &mut Check, who: &str, shift: Shift) {
    let stage = Stage::with_key();
    let socket = |home: &Home| home.own().join("run/agent.sock");
    let between = Home::new();
    let standing = interpose(socket(&between), socket(&stage.home), shift);
    let before = stage.vault();
    for verb in [&["status"][..], &["list"], &["agent", "status"], &["reveal", "kept"]] {
        let ran = between.run(&[verb, &["--json"]].concat());
        let error = check.told(&format!("{who}: {verb:?}"), &ran, wanted("agent_version", 1));
        let advice = error["advice"].as_str().unwrap_or_default();
        check.so("it says how to go on", advice.contains("wayleave agent stop"));
    }
    let unlock = between.run_with(&["unlock", "--passphrase-stdin", "--json"], "never to be told");
    check.told(&format!("{who}: unlock"), &unlock, wanted("agent_version", 1));
    check.so("nothing happened", stage.vault() == before);
    let stopped = between.json(&["agent", "stop"]);
    check.so(&format!("{who} ends when it is told to"), stopped["stopped"] == true);
    standing.join().expect("has seen it end");
    check.so("it has ended", stage.home.json(&["agent", "status"])["running"] == false);
    check.so("one of ours starts", between.json(&["status"])["vault"] != "");
    check.so("and is asked as ever", between.json(&["agent", "status"])["running"] == true);
    stage.home.unlock();
    check.so("nothing was lost", stage.vault() == before);
}
