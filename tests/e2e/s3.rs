//! boto3 with nothing but the `.env` that was copied.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::stage::Stage;

/// Puts and gets one object; prints the error's code when it is refused.
const PUT_AND_GET: &str = "
import sys, boto3, botocore
bucket, key = sys.argv[1:]
s3 = boto3.client('s3')
try:
    s3.put_object(Bucket=bucket, Key=key, Body=b'a walk over the moor')
    print(s3.get_object(Bucket=bucket, Key=key)['Body'].read().decode())
except botocore.exceptions.ClientError as error:
    print('refused', error.response['Error']['Code'])
";

/// Variables of a `.env` text.
pub fn variables(env: &str) -> BTreeMap<String, String> {
    let pairs = env.lines().filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// What boto3 says with these variables alone.
pub fn put_and_get(stage: &Stage, env: &BTreeMap<String, String>, at: (&str, &str)) -> String {
    let output = stage
        .command(python())
        .args(["-c", PUT_AND_GET, at.0, at.1])
        .envs(env)
        .output()
        .expect("python runs");
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    assert!(!said.is_empty(), "boto3: {}", String::from_utf8_lossy(&output.stderr));
    said
}

/// A Python with a boto3 that knows `AWS_ENDPOINT_URL_S3` (1.28 and newer; Debian 12 has 1.26),
/// kept in the user's cache.
fn python() -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").expect("a home")).join(".cache");
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(home, PathBuf::from);
    let folder = cache.join("wayleave-tests/boto3-1");
    let python = folder.join("bin/python");
    let works = |python: &PathBuf| {
        Command::new(python).args(["-c", "import boto3"]).output().is_ok_and(|o| o.status.success())
    };
    if !works(&python) {
        fs::create_dir_all(folder.parent().expect("a folder")).expect("a cache");
        let make = Command::new("python3").args(["-m", "venv"]).arg(&folder).status();
        assert!(make.expect("python3 runs").success(), "python3 -m venv (package python3-venv)");
        let pip = ["-m", "pip", "install", "--quiet", "boto3>=1.34,<2"];
        assert!(Command::new(&python).args(pip).status().expect("pip runs").success(), "boto3");
    }
    python
}
