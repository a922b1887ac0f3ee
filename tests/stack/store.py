"""The object store's bucket and policies, by MinIO's admin API; and the client that the suites read and write with."""
import json
import time
import urllib.error
import urllib.request

import boto3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.client import Config
from botocore.credentials import Credentials
from realm import PEOPLE

BUCKET = "workspaces-eodhp"
REGION = "eu-west-2"
PATIENCE = 120


def client(endpoint, access, secret, session=None):
    """An S3 client that repeats nothing."""
    return boto3.client("s3", endpoint_url=endpoint, aws_access_key_id=access, aws_secret_access_key=secret,
                        aws_session_token=session, region_name=REGION,
                        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 0}))


def policy_of(workspaces):
    """What the members of these workspaces may do in the one bucket."""
    return {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": [f"arn:aws:s3:::{BUCKET}"],
         "Condition": {"StringLike": {"s3:prefix": [f"{name}/*" for name in workspaces] + [f"{name}/" for name in workspaces]}}},
        {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
         "Resource": [f"arn:aws:s3:::{BUCKET}/{name}/*" for name in workspaces]}]}


def add_policy(endpoint, access, secret, name, policy):
    """Whether it is there now; not when the store is still starting."""
    body = json.dumps(policy).encode()
    request = AWSRequest("PUT", f"{endpoint}/minio/admin/v3/add-canned-policy?name={name}", data=body)
    S3SigV4Auth(Credentials(access, secret), "s3", REGION).add_auth(request)
    try:
        with urllib.request.urlopen(urllib.request.Request(request.url, body, dict(request.headers), method="PUT"), timeout=30):
            return True
    except urllib.error.HTTPError as error:
        if error.code == 503:  # it answers before its users and policies are read
            return False
        raise RuntimeError(error.read().decode()) from error


def prepare_store(endpoint, access, secret):
    """The bucket, and one policy for each person: `people-NAME`, as their tokens say."""
    s3 = client(endpoint, access, secret)
    if BUCKET not in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]:
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    for person, (_, workspaces, _, _) in PEOPLE.items():
        end = time.monotonic() + PATIENCE
        while not add_policy(endpoint, access, secret, f"people-{person}", policy_of(workspaces)):
            if time.monotonic() > end:
                raise RuntimeError("the store's admin API does not begin to answer")
            time.sleep(0.1)
