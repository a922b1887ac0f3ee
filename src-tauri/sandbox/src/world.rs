//! The people and workspaces the sandbox begins with.
//!
//! The three workspaces of `demo` that are in the published examples keep the ids of those
//! examples. `new-ws` is still being made (store without a prefix), `bare-ws` has no stores.

use serde_json::{Value, json};

use crate::clock::rfc3339;

/// The bucket that all workspaces share, as on the real hub.
pub const BUCKET: &str = "workspaces-eodhp";
/// The region that signers must use.
pub const REGION: &str = "eu-west-2";

/// Somebody who can sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Person {
    /// Login name, also `preferred_username`.
    pub username: &'static str,
    /// Password of the login page.
    pub password: &'static str,
    /// The account's id at the identity provider (`sub`).
    pub subject: &'static str,
    /// First and family name.
    pub name: (&'static str, &'static str),
    /// Workspaces of which this person is a member, in no order.
    pub workspaces: &'static [&'static str],
}

impl Person {
    /// E-mail address, never in use anywhere.
    pub fn email(&self) -> String {
        format!("{}@example.org", self.username)
    }

    /// Whether this person belongs to `workspace`.
    pub fn is_member(&self, workspace: &str) -> bool {
        self.workspaces.contains(&workspace)
    }

    /// The workspaces that this person owns.
    pub fn owned(&self) -> Vec<&'static str> {
        let own = |name: &&str| workspace(name).is_some_and(|w| w.owner == self.username);
        self.workspaces.iter().copied().filter(own).collect()
    }
}

/// The demo person: two ready workspaces, one in the making, one bare.
pub const DEMO: Person = Person {
    username: "demo",
    password: "demo-password",
    subject: "7d2f5b1a-1111-4222-8333-944455556666",
    name: ("Demo", "User"),
    workspaces: &["new-ws", "demo-ws", "bare-ws", "demo-lab"],
};

/// A second person with other workspaces.
pub const ADA: Person = Person {
    username: "ada",
    password: "ada-demo-password",
    subject: "8e3f6c2b-2222-4333-8444-a55566667777",
    name: ("Ada", "Marsh"),
    workspaces: &["tidewatch", "coastal-lab"],
};

/// Everybody.
pub const PEOPLE: [Person; 2] = [DEMO, ADA];

/// Somebody with many workspaces, for measuring; not among [`PEOPLE`], and with no first keys.
pub const MANY: Person = Person {
    username: "many",
    password: "many-demo-password",
    subject: "9f4a7d3c-3333-4444-8555-b66677778888",
    name: ("Many", "Workspaces"),
    workspaces: &[
        "many-01", "many-02", "many-03", "many-04", "many-05", "many-06", "many-07", "many-08",
        "many-09", "many-10", "many-11", "many-12", "many-13", "many-14", "many-15", "many-16",
        "many-17", "many-18", "many-19", "many-20",
    ],
};

/// The person of that login name.
pub fn person(username: &str) -> Option<Person> {
    PEOPLE.into_iter().chain([MANY]).find(|p| p.username == username)
}

/// How far a workspace has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Usable.
    Ready,
    /// Being made: a store is named, but its prefix is empty.
    Creating,
    /// Nothing is there yet: `stores` is null.
    Bare,
}

/// A workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Workspace {
    /// Its name, which is also its id in paths.
    pub name: &'static str,
    /// Its UUID.
    pub id: &'static str,
    /// Login name of the owner.
    pub owner: &'static str,
    /// How far it has come.
    pub stage: Stage,
}

const WORKSPACES: [Workspace; 6] = [
    Workspace {
        name: "demo-ws",
        id: "11111111-2222-4333-8444-555555555555",
        owner: "demo",
        stage: Stage::Ready,
    },
    Workspace {
        name: "demo-lab",
        id: "44444444-5555-4666-8777-888888888888",
        owner: "demo",
        stage: Stage::Ready,
    },
    Workspace {
        name: "new-ws",
        id: "22222222-3333-4444-8555-666666666666",
        owner: "demo",
        stage: Stage::Creating,
    },
    Workspace {
        name: "bare-ws",
        id: "33333333-4444-4555-8666-777777777777",
        owner: "other",
        stage: Stage::Bare,
    },
    Workspace {
        name: "coastal-lab",
        id: "55555555-6666-4777-8888-999999999999",
        owner: "ada",
        stage: Stage::Ready,
    },
    Workspace {
        name: "tidewatch",
        id: "66666666-7777-4888-8999-bbbbbbbbbbbb",
        owner: "other",
        stage: Stage::Ready,
    },
];

/// The workspace of that name.
pub fn workspace(name: &str) -> Option<Workspace> {
    let listed = WORKSPACES.into_iter().find(|w| w.name == name);
    listed.or_else(|| {
        // They hold no objects, so that one id does for all of them.
        let name = MANY.workspaces.iter().copied().find(|many| *many == name)?;
        let id = "77777777-8888-4999-8aaa-cccccccccccc";
        Some(Workspace { name, id, owner: MANY.username, stage: Stage::Bare })
    })
}

/// Every workspace that can hold objects.
pub(crate) fn ready_workspaces() -> impl Iterator<Item = Workspace> {
    WORKSPACES.into_iter().filter(|w| w.stage == Stage::Ready)
}

/// Addresses that a workspace's description points to.
pub(crate) struct Addresses<'a> {
    /// Origin of the hub.
    pub(crate) hub: &'a str,
    /// `127.0.0.1:PORT` of S3.
    pub(crate) s3_authority: &'a str,
}

impl Workspace {
    /// The JSON of `GET /api/workspaces/{ws}`.
    pub(crate) fn to_json(self, at: &Addresses<'_>, last_updated: i64) -> Value {
        let (status, stores, updated) = match self.stage {
            Stage::Ready => ("Available", self.ready_stores(at), rfc3339(last_updated)),
            Stage::Creating => ("creating", self.unready_stores(at), rfc3339(last_updated)),
            Stage::Bare => ("pending", Value::Null, "0001-01-01T00:00:00Z".to_owned()),
        };
        json!({
            "id": self.id,
            "name": self.name,
            "account": "66666666-7777-4888-8999-aaaaaaaaaaaa",
            "owner": self.owner,
            "status": status,
            "stores": stores,
            "last_updated": updated,
        })
    }

    fn access_url(self, at: &Addresses<'_>) -> String {
        format!("{}/files/{}/{BUCKET}/", at.hub, self.name)
    }

    fn ready_stores(self, at: &Addresses<'_>) -> Value {
        let arn =
            format!("arn:aws:s3:{REGION}:000000000000:accesspoint/eodhp-sandbox-{}-s3", self.name);
        json!([{
            "object": [{
                "store_id": self.id.replacen(char::is_numeric, "b", 8),
                "name": format!("{}-object-store", self.name),
                "bucket": BUCKET,
                "prefix": format!("{}/", self.name),
                "host": at.s3_authority,
                "env_var": "S3_BUCKET_WORKSPACE",
                "access_point_arn": arn,
                "access_url": self.access_url(at),
            }],
            "block": [{
                "store_id": self.id.replacen(char::is_numeric, "c", 8),
                "name": format!("{}-block-store", self.name),
                "access_point_id": "fsap-00000000000000000",
                "mount_point": format!("/workspaces/{}", self.name),
            }],
        }])
    }

    /// As measured at the real service: bucket and access URL are filled long before the prefix.
    fn unready_stores(self, at: &Addresses<'_>) -> Value {
        json!([{
            "object": [{
                "store_id": self.id.replacen(char::is_numeric, "d", 8),
                "name": format!("{}-object-store", self.name),
                "bucket": BUCKET,
                "prefix": "",
                "host": "-000000000000.s3-accesspoint.eu-west-2.amazonaws.com",
                "env_var": "",
                "access_point_arn": "",
                "access_url": self.access_url(at),
            }],
            "block": null,
        }])
    }
}
