//! boto3 with nothing but the `.env` that was copied.

use std::collections::BTreeMap;

use crate::python::python;
use crate::stage::Stage;

/// It knows `AWS_ENDPOINT_URL_S3`; Debian 12 has 1.26, which does not.
const BOTO3: &str = "boto3>=1.34,<2";

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
        .command(python("boto3-1", "import boto3", BOTO3))
        .args(["-c", PUT_AND_GET, at.0, at.1])
        .envs(env)
        .output()
        .expect("python runs");
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    assert!(!said.is_empty(), "boto3: {}", String::from_utf8_lossy(&output.stderr));
    said
}
