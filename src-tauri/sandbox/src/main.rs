//! Runs a sandbox until it is told to stop.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Parser;
use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};
use wayleave_sandbox::{Behind, Config, DEMO, Sandbox};

/// A local EO Data Hub for demo, tests and offline work. Holds no real data.
#[derive(Parser)]
#[command(name = "wayleave-sandbox", version)]
struct Arguments {
    /// Port of the hub on 127.0.0.1 (0: a free one).
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Port of the S3 endpoint on 127.0.0.1 (0: a free one).
    #[arg(long, default_value_t = 0)]
    s3_port: u16,
    /// Also serve the control endpoint, on this port of 127.0.0.1 (0: a free one).
    #[arg(long, value_name = "PORT")]
    controls: Option<u16>,
    /// Keep S3 objects in this folder instead of a temporary one.
    #[arg(long, value_name = "FOLDER")]
    s3_directory: Option<PathBuf>,
    /// Be the API behind the real identity provider, proxy and object store that this JSON file
    /// names.
    #[arg(long, value_name = "FILE")]
    behind: Option<PathBuf>,
    /// Print one line of JSON instead of text.
    #[arg(long)]
    json: bool,
    /// Stop when standard input closes, as it does when the program that started this one ends.
    #[arg(long)]
    until_stdin_closes: bool,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let sandbox = Sandbox::start(Config {
        port: arguments.port,
        s3_port: arguments.s3_port,
        controls_port: arguments.controls,
        s3_directory: arguments.s3_directory.clone(),
        behind: arguments.behind.as_deref().map(read_behind).transpose()?,
        ..Config::default()
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        // Listened for before anything is printed: who reads the last line may send one at once.
        let signals = [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?];
        announce(&sandbox, arguments.json)?;
        wait_for_the_end(signals, arguments.until_stdin_closes).await;
        std::io::Result::Ok(())
    })?;
    sandbox.shutdown();
    Ok(())
}

fn read_behind(file: &Path) -> anyhow::Result<Behind> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    serde_json::from_str(&text).with_context(|| file.display().to_string())
}

fn announce(sandbox: &Sandbox, as_json: bool) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    if as_json {
        let line = json!({
            "hub": sandbox.hub_url(),
            "issuer": sandbox.issuer(),
            "client_id": sandbox.client_id(),
            "s3": sandbox.s3_endpoint(),
            "controls": sandbox.controls_url(),
            "username": DEMO.username,
            "password": DEMO.password,
            "first_keys": sandbox.first_keys(DEMO),
        });
        writeln!(out, "{line}")?;
    } else {
        writeln!(out, "Sandbox EO Data Hub  {}", sandbox.hub_url())?;
        writeln!(out, "  sign in as         {} / {}", DEMO.username, DEMO.password)?;
        writeln!(out, "  OpenID issuer      {}", sandbox.issuer())?;
        writeln!(out, "  client id          {}", sandbox.client_id())?;
        writeln!(out, "  S3 endpoint        {}", sandbox.s3_endpoint())?;
        let keys = sandbox.first_keys(DEMO);
        writeln!(out, "  DataOS key         {}", keys.dataos)?;
        writeln!(out, "  Opendatasoft key   {}", keys.opendatasoft)?;
        writeln!(out, "  OVH pair           {} / {}", keys.ovh_key, keys.ovh_secret)?;
        if let Some(url) = sandbox.controls_url() {
            writeln!(out, "  controls           {url}")?;
        }
        writeln!(out, "Stop with Ctrl+C.")?;
    }
    out.flush()
}

async fn wait_for_the_end([mut terminate, mut interrupt]: [Signal; 2], stdin_too: bool) {
    let (closed, stdin_closed) = tokio::sync::oneshot::channel::<()>();
    if stdin_too {
        std::thread::spawn(move || {
            read_to_the_end();
            // The receiver is gone only when the program is ending anyway.
            let _ = closed.send(());
        });
    }
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        Ok(()) = stdin_closed => {}
    }
}

fn read_to_the_end() {
    let mut buffer = [0; 1024];
    let mut input = std::io::stdin().lock();
    while matches!(input.read(&mut buffer), Ok(count) if count > 0) {}
}
