//! Adapters and registrations that are wrong in one way each, which the real servers must show.

use jiff::SignedDuration;
use wayleave_core::credential::{CredentialSecret, Field};
use wayleave_core::platform::http::Request;
use wayleave_core::platform::{
    AnyPlatform, Asked, IssueOutcome, IssueRequest, IssuedS3, Operation, Revoked,
};
use wayleave_core::session::Session;

use super::bad::PostsAgain;
use super::case::{Adapter, Later, Real};

/// A wrong adapter or registration, and which check it fails.
pub struct Bad {
    pub name: &'static str,
    pub check: &'static str,
    pub adapter: &'static dyn Adapter,
    /// The registered client that it signs in as, instead of the right one.
    pub client: Option<&'static str>,
    /// What the check must find.
    pub seen: &'static str,
}

pub const ALL: &[Bad] = &[
    Bad {
        name: "posts_again_after_a_time_out",
        check: "I8",
        adapter: &PostsAgain,
        client: None,
        seen: "Issued",
    },
    Bad {
        name: "sends_the_new_key_in_an_address",
        check: "A2",
        adapter: &KeyInAddress,
        client: None,
        seen: "front-access.log",
    },
    Bad {
        name: "does_not_revoke",
        check: "R2",
        adapter: &DoesNotRevoke,
        client: None,
        seen: "it is still there",
    },
    Bad {
        name: "mixes_two_sets_up",
        check: "S8",
        adapter: &MixesUp,
        client: None,
        seen: "SignatureDoesNotMatch",
    },
    Bad {
        name: "an_end_of_its_own",
        check: "S5",
        adapter: &EndOfItsOwn,
        client: None,
        seen: "written",
    },
    Bad {
        name: "a_registration_with_another_redirect",
        check: "A8",
        adapter: &OIDC,
        client: Some("desktop-other-path"),
        seen: "nothing leads back",
    },
    Bad {
        name: "a_registration_without_device_codes",
        check: "A9",
        adapter: &OIDC,
        client: Some("desktop-no-device"),
        seen: "client id",
    },
];

const EODH: Real = Real(AnyPlatform::Eodh);
const OIDC: Real = Real(AnyPlatform::OidcSts);

struct KeyInAddress;

impl Adapter for KeyInAddress {
    fn platform(&self) -> AnyPlatform {
        AnyPlatform::Eodh
    }

    fn issue<'a>(
        &'a self,
        session: &'a Session,
        workspace: &'a str,
        request: &'a IssueRequest,
    ) -> Later<'a, IssueOutcome> {
        Box::pin(async move {
            let outcome = EODH.issue(session, workspace, request).await;
            if let IssueOutcome::Issued(issued) = &outcome {
                let mut url = session.connection().hub.clone();
                url.set_path("/api/check");
                let key = issued.key.expose_text().unwrap_or_default();
                url.query_pairs_mut().append_pair("token", key);
                let _ = session.send(Request::get(Operation::List, url)).await;
            }
            outcome
        })
    }
}

struct DoesNotRevoke;

impl Adapter for DoesNotRevoke {
    fn platform(&self) -> AnyPlatform {
        AnyPlatform::Eodh
    }

    fn revoke<'a>(&'a self, _: &'a Session, _: &'a str, _: &'a str) -> Later<'a, Asked<Revoked>> {
        Box::pin(async { Ok(Revoked { already: false, confirmed: true }) })
    }
}

/// The access key of one set with the secret of another.
struct MixesUp;

impl Adapter for MixesUp {
    fn platform(&self) -> AnyPlatform {
        AnyPlatform::OidcSts
    }

    fn s3<'a>(&'a self, session: &'a Session, workspace: &'a str) -> Later<'a, Asked<IssuedS3>> {
        Box::pin(async move {
            let one = OIDC.s3(session, workspace).await?;
            let other = OIDC.s3(session, workspace).await?;
            let of =
                |set: &IssuedS3, field| set.secret.field(field).expect("a minted set is whole");
            let secret = CredentialSecret::S3 {
                access_key_id: of(&one, Field::AccessKeyId),
                secret_access_key: of(&other, Field::SecretAccessKey),
                session_token: of(&one, Field::SessionToken),
            };
            Ok(IssuedS3 { secret, expires: one.expires })
        })
    }
}

/// Half an hour, whatever the store says.
struct EndOfItsOwn;

impl Adapter for EndOfItsOwn {
    fn platform(&self) -> AnyPlatform {
        AnyPlatform::OidcSts
    }

    fn s3<'a>(&'a self, session: &'a Session, workspace: &'a str) -> Later<'a, Asked<IssuedS3>> {
        Box::pin(async move {
            let set = OIDC.s3(session, workspace).await?;
            let end = session.http().clock().now().checked_add(SignedDuration::from_mins(30));
            Ok(IssuedS3 { expires: end.ok(), ..set })
        })
    }
}
