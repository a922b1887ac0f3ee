//! Certificates and proxies, with real TLS and a real proxy on this computer. What the
//! environment decides is tried in a process of its own (this program again).

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use wayleave_core::platform::http::{Http, Request};
use wayleave_core::platform::{Kind, NetworkKind, Operation, PlatformError};
use wayleave_core::secret::Secret;

use crate::still_http;

/// A certificate authority of this test, and a certificate of its for some names.
struct Authority {
    folder: tempfile::TempDir,
}

impl Authority {
    fn new(names: &str) -> Self {
        let made = Self { folder: tempfile::tempdir().expect("a folder") };
        std::fs::write(made.at("ext"), format!("subjectAltName={names}\n")).expect("written");
        let new = "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
        let authority = "-x509 -keyout ca.key -out ca.pem -subj /CN=Test -days 2";
        made.openssl(&format!("{new} {authority}"));
        made.openssl(&format!("{new} -keyout leaf.key -out leaf.csr -subj /CN=leaf"));
        let sign = "-CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext";
        made.openssl(&format!("x509 -req -in leaf.csr {sign} -out leaf.pem"));
        made
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn openssl(&self, arguments: &str) {
        let mut openssl = Command::new("openssl");
        openssl.args(arguments.split(' ')).current_dir(self.folder.path());
        let done = openssl.output().expect("openssl (package openssl)");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    /// A server with that certificate: it answers `[]` to whatever is asked. Where it listens,
    /// and what arrived.
    async fn serve(&self) -> (u16, Arc<Mutex<Vec<String>>>) {
        let chain = CertificateDer::pem_file_iter(self.at("leaf.pem")).expect("a certificate");
        let chain = chain.collect::<Result<Vec<_>, _>>().expect("a certificate");
        let key = PrivateKeyDer::from_pem_file(self.at("leaf.key")).expect("a key");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("a configuration");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let record = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&record);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A client that refuses the certificate ends the handshake.
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let head = head_of(&mut stream).await;
                noted.lock().expect("the record").push(head);
                let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n[]";
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        });
        (port, record)
    }
}

/// A request's head.
async fn head_of(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let (mut bytes, mut part) = (Vec::new(), [0; 1024]);
    while !bytes.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut part).await {
            Ok(count) if count > 0 => bytes.extend_from_slice(&part[..count]),
            _ => break,
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A proxy that asks for `user:pa$$word` and leads every tunnel to one port of this computer.
/// Where it listens, and the heads of what it was asked.
async fn proxy(to: u16) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let record = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&record);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let head = head_of(&mut stream).await;
            let lower = head.to_ascii_lowercase();
            noted.lock().expect("the record").push(head);
            // `user:pa$$word` in base64.
            if !lower.contains("proxy-authorization: basic dxnlcjpwysqkd29yza==") {
                let no = "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n";
                let _ = stream.write_all(no.as_bytes()).await;
                continue;
            }
            let mut there = TcpStream::connect(("127.0.0.1", to)).await.expect("the server");
            let _ = stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await;
            tokio::spawn(async move {
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut there).await;
            });
        }
    });
    (port, record)
}

fn get(url: &str) -> Request {
    let secret = Secret::from_text("Bearer the-token".into());
    Request::get(Operation::List, url.parse().expect("an address"))
        .header(reqwest::header::AUTHORIZATION, secret)
}

async fn status(http: &Http, url: &str) -> Result<u16, PlatformError> {
    http.send(&get(url)).await.map(|answer| answer.status)
}

fn is_tls(answer: &Result<u16, PlatformError>) -> bool {
    let tls = Kind::Network { kind: NetworkKind::Tls, sent: false };
    answer.as_ref().is_err_and(|error| error.kind == tls)
}

#[tokio::test]
async fn a_file_of_certificates_counts_for_the_hosts_of_its_connection() {
    let authority = Authority::new("IP:127.0.0.1,DNS:localhost");
    let (port, heard) = authority.serve().await;
    let (url, other) = (format!("https://127.0.0.1:{port}/"), format!("https://localhost:{port}/"));
    let (http, _, _) = still_http();
    assert!(is_tls(&status(&http, &url).await), "nobody knows its authority");
    let connection = crate::connection(&url, None);
    http.trust(&connection, Some(&authority.at("ca.pem")));
    assert_eq!(status(&http, &url).await, Ok(200));
    assert!(is_tls(&status(&http, &other).await), "another host is not covered");
    http.trust(&connection, None);
    assert!(is_tls(&status(&http, &url).await), "taken away again");
    assert_eq!(heard.lock().unwrap().len(), 1, "a server that is not trusted hears nothing");
}

#[tokio::test]
async fn a_trusted_authority_is_not_a_blank_cheque() {
    let authority = Authority::new("DNS:elsewhere.example");
    let (port, heard) = authority.serve().await;
    let url = format!("https://127.0.0.1:{port}/");
    let (http, _, _) = still_http();
    http.trust(&crate::connection(&url, None), Some(&authority.at("ca.pem")));
    assert!(is_tls(&status(&http, &url).await), "its certificate is for another host");
    assert!(heard.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_told_and_nothing_is_sent() {
    let authority = Authority::new("IP:127.0.0.1");
    let (port, heard) = authority.serve().await;
    let url = format!("https://127.0.0.1:{port}/");
    std::fs::write(authority.at("empty"), "no certificate\n").expect("written");
    std::fs::write(authority.at("large"), vec![b'x'; (1 << 20) + 1]).expect("written");
    for (name, word) in [("absent", "cannot be read"), ("empty", "no PEM"), ("large", "read")] {
        let (http, _, _) = still_http();
        http.trust(&crate::connection(&url, None), Some(&authority.at(name)));
        let error = status(&http, &url).await.expect_err(name);
        assert!(error.hint.is_some_and(|hint| hint.contains(word)), "{name}: {error:?}");
        assert!(is_tls(&Err(error)));
    }
    assert!(heard.lock().unwrap().is_empty());
}

/// From the account's fields to the handshake: the engine asks the hub whether it is one.
#[tokio::test]
async fn an_account_brings_its_certificate_file() {
    use wayleave_core::ErrorCode;
    use wayleave_core::api::{Ask, NewAccount};
    let authority = Authority::new("IP:127.0.0.1");
    let (port, heard) = authority.serve().await;
    let home = tempfile::tempdir().expect("a home");
    let clock = Arc::new(wayleave_core::clock::SystemClock);
    let host = wayleave_core::host::RecordingHost::default();
    let engine = crate::world::engine(home.path(), host, clock).await;
    let add = |file: &str| {
        let hub = format!("https://127.0.0.1:{port}");
        let fields = [("environment", "custom"), ("hub", hub.as_str()), ("ca_file", file)];
        let connection = fields.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        engine.ask(Ask::AddAccount(NewAccount { platform: "eodh".into(), connection, name: None }))
    };
    let code = add("relative/ca.pem").await.expect_err("no full path").code;
    assert_eq!(code, ErrorCode::InvalidInput);
    let untrusted = add("").await.expect_err("not trusted").code;
    assert_eq!(untrusted, ErrorCode::Tls);
    assert!(heard.lock().unwrap().is_empty());
    let trusted = add(authority.at("ca.pem").to_str().expect("a path")).await;
    assert_eq!(trusted.expect_err("it is no hub").code, ErrorCode::NotThisPlatform);
    assert!(!heard.lock().unwrap().is_empty(), "it was asked");
    engine.stop().await;
}

const RESULT: &str = "RESULT ";

/// Asks for one address as the environment says, and tells what came of it.
#[tokio::test]
#[ignore = "runs alone, with an environment of its own"]
#[allow(clippy::print_stdout, reason = "the parent reads it there")]
async fn child() {
    let url = std::env::var("TEST_URL").expect("an address");
    let (http, _, _) = still_http();
    if let Ok(file) = std::env::var("TEST_CA") {
        http.trust(&crate::connection(&url, None), Some(Path::new(&file)));
    }
    match status(&http, &url).await {
        Ok(status) => println!("\n{RESULT}{status}"),
        Err(error) => println!("\n{RESULT}{error:?} {}", wayleave_core::Error::from(error.clone())),
    }
}

/// What the child tells with this environment and nothing else.
async fn in_environment(variables: &[(&str, &str)]) -> String {
    let mut child = tokio::process::Command::new(std::env::current_exe().expect("this program"));
    child.args(["--exact", "trust::child", "--ignored", "--nocapture"]);
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE"] {
        child.env_remove(name).env_remove(name.to_ascii_lowercase());
    }
    let done = child.envs(variables.iter().copied()).output().await.expect("it runs");
    let out = String::from_utf8_lossy(&done.stdout).into_owned();
    let told = out.lines().find_map(|line| line.strip_prefix(RESULT));
    told.unwrap_or_else(|| panic!("{out}{}", String::from_utf8_lossy(&done.stderr))).to_owned()
}

#[tokio::test]
async fn the_systems_certificates_count() {
    let authority = Authority::new("IP:127.0.0.1");
    let (port, _) = authority.serve().await;
    let url = format!("https://127.0.0.1:{port}/");
    let store = authority.at("ca.pem");
    let with = [("TEST_URL", url.as_str()), ("SSL_CERT_FILE", store.to_str().expect("a path"))];
    assert_eq!(in_environment(&with).await, "200");
    assert!(in_environment(&with[..1]).await.contains("Tls"));
}

#[tokio::test]
async fn the_world_is_asked_through_the_environments_proxy_and_this_computer_is_not() {
    let authority = Authority::new("DNS:hub.test");
    let (server, heard) = authority.serve().await;
    let (port, asked) = proxy(server).await;
    let ca = authority.at("ca.pem");
    let base = [("TEST_URL", "https://hub.test/api"), ("TEST_CA", ca.to_str().expect("a path"))];
    let open = format!("http://user:pa%24%24word@127.0.0.1:{port}");
    for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
        let told = in_environment(&[base[0], base[1], (name, &open)]).await;
        assert_eq!(told, "200", "{name}");
    }
    let tunnels = asked.lock().unwrap().clone();
    assert_eq!((tunnels.len(), heard.lock().unwrap().len()), (3, 3));
    for tunnel in &tunnels {
        assert!(tunnel.starts_with("CONNECT hub.test:443 "), "{tunnel}");
        assert!(!tunnel.contains("the-token") && !tunnel.contains("/api"), "{tunnel}");
    }
    assert!(heard.lock().unwrap()[0].contains("the-token"), "the server hears it");

    let shut = format!("http://user:wrong-pass@127.0.0.1:{port}");
    let told = in_environment(&[base[0], base[1], ("HTTPS_PROXY", &shut)]).await;
    assert!(told.contains("sent: false"), "{told}");
    for secret in ["wrong-pass", "user:", "the-token", "dXNlcjp"] {
        assert!(!told.contains(secret), "{secret} is shown: {told}");
    }

    let before = asked.lock().unwrap().len();
    let not = [base[0], base[1], ("HTTPS_PROXY", open.as_str()), ("NO_PROXY", "hub.test")];
    assert!(in_environment(&not).await.contains("Dns"), "it is asked directly");
    let here = crate::stub::Stub::start([crate::stub::json(200, "[]")]).await;
    let all = [("TEST_URL", here.origin.as_str()), ("HTTP_PROXY", &open), ("ALL_PROXY", &open)];
    assert_eq!(in_environment(&all).await, "200", "NO_PROXY always includes loopback");
    assert_eq!(asked.lock().unwrap().len(), before, "the proxy heard of neither");
}
