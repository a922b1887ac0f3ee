//! In the agent's place: one that never answers, or one that speaks another version. Frames are
//! written by hand here, since their header is what all versions share.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{fs, thread};

use serde_json::json;
use wayleave_core::agent::frame::{HEADER, STOP};
use wayleave_core::api::PROTOCOL;

use crate::stage::Stage;

/// Serves the socket until it is told to end, or with its guard.
pub struct OtherAgent {
    socket: PathBuf,
    told: Arc<AtomicBool>,
}

impl OtherAgent {
    /// Takes requests and says nothing.
    pub fn silent(stage: &Stage) -> Self {
        Self::serve(stage, |_| {})
    }

    /// Answers everything but the order to end with its own version.
    pub fn of_another_version(stage: &Stage) -> Self {
        Self::serve(stage, |stream| {
            let error =
                json!({ "code": "agent_version", "message": "another version", "params": {} });
            let body = json!({ "failed": error }).to_string();
            let mut frame = b"WLF1".to_vec();
            frame.extend((PROTOCOL + 1).to_be_bytes());
            frame.extend(0u16.to_be_bytes());
            frame.extend(u32::try_from(body.len()).expect("it is short").to_be_bytes());
            frame.extend(0u32.to_be_bytes());
            frame.extend(body.as_bytes());
            let _ = stream.write_all(&frame);
            let _ = stream.shutdown(std::net::Shutdown::Write);
        })
    }

    /// Whether it got the frame that ends an agent of any version.
    pub fn was_told_to_end(&self) -> bool {
        self.told.load(Ordering::SeqCst)
    }

    fn serve(stage: &Stage, answer: fn(&mut UnixStream)) -> Self {
        let socket = stage.agent_socket();
        fs::create_dir_all(socket.parent().expect("a folder")).expect("a folder");
        let listener = UnixListener::bind(&socket).expect("a socket");
        let told = Arc::new(AtomicBool::new(false));
        let (mine, path) = (Arc::clone(&told), socket.clone());
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let mut header = [0; HEADER];
                if stream.read_exact(&mut header).is_err() {
                    continue;
                }
                if u16::from_be_bytes([header[6], header[7]]) & STOP != 0 {
                    mine.store(true, Ordering::SeqCst);
                    let _ = fs::remove_file(&path);
                    return;
                }
                thread::spawn(move || {
                    answer(&mut stream);
                    // Closed only by the other side: what is unread would cut the answer off.
                    while stream.read(&mut [0; 64]).is_ok_and(|bytes| bytes > 0) {}
                });
            }
        });
        Self { socket, told }
    }
}

impl Drop for OtherAgent {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.socket);
    }
}
