//! Adapters that are wrong in one way each, and the check that must see it.

use wayleave_core::api::WorkspaceView;
use wayleave_core::platform::http::Request;
use wayleave_core::platform::{
    AnyPlatform, Asked, IssueOutcome, IssueRequest, IssuedS3, KeyState, Kind, Operation,
    PlatformError, RemoteToken, Revoked,
};
use wayleave_core::session::Session;

use super::case::{Adapter, Later, Real};
use crate::KEY;

/// A wrong adapter, and which check it fails.
pub struct Bad {
    pub name: &'static str,
    pub check: &'static str,
    pub adapter: &'static dyn Adapter,
}

pub const ALL: &[Bad] = &[
    Bad { name: "posts_again_after_a_time_out", check: "I8", adapter: &PostsAgain },
    Bad { name: "leaks_the_secret_in_an_error", check: "I12", adapter: &Leaks },
    Bad { name: "lists_without_an_end", check: "L1", adapter: &ListsOn },
    Bad { name: "takes_500_with_a_list_for_success", check: "B3", adapter: &BodyWins },
    Bad { name: "believes_every_revocation", check: "R3", adapter: &Believes },
    Bad { name: "sends_the_key_in_the_address", check: "A2", adapter: &InAddress },
    Bad { name: "shortens_a_lifetime_by_itself", check: "I5", adapter: &Clamps },
    Bad { name: "takes_403_for_a_dead_key", check: "V3", adapter: &Hasty },
    Bad { name: "follows_a_redirect_with_the_key", check: "A7", adapter: &Follows },
    Bad { name: "makes_an_end_up", check: "S1", adapter: &MakesUpAnEnd },
    Bad { name: "offers_a_store_in_the_making", check: "S6", adapter: &OffersAll },
    Bad { name: "calls_every_fault_offline", check: "B10", adapter: &AllOffline },
];

const REAL: Real = Real(AnyPlatform::Eodh);

/// Every variant is one of the EODH adapter: the checks are the same for all.
macro_rules! eodh {
    () => {
        fn platform(&self) -> AnyPlatform {
            AnyPlatform::Eodh
        }
    };
}

pub struct PostsAgain;

impl Adapter for PostsAgain {
    eodh!();

    fn issue<'a>(
        &'a self,
        session: &'a Session,
        workspace: &'a str,
        request: &'a IssueRequest,
    ) -> Later<'a, IssueOutcome> {
        Box::pin(async move {
            match REAL.issue(session, workspace, request).await {
                IssueOutcome::Unknown(_) => REAL.issue(session, workspace, request).await,
                outcome => outcome,
            }
        })
    }
}

struct Leaks;

impl Adapter for Leaks {
    eodh!();

    fn issue<'a>(
        &'a self,
        session: &'a Session,
        workspace: &'a str,
        request: &'a IssueRequest,
    ) -> Later<'a, IssueOutcome> {
        Box::pin(async move {
            match REAL.issue(session, workspace, request).await {
                IssueOutcome::Refused(mut error) => {
                    error.facts.said = Some(format!("the server said: bad key {KEY}"));
                    IssueOutcome::Refused(error)
                }
                outcome => outcome,
            }
        })
    }
}

struct ListsOn;

impl Adapter for ListsOn {
    eodh!();

    fn list<'a>(
        &'a self,
        session: &'a Session,
        workspace: &'a str,
    ) -> Later<'a, Asked<Vec<RemoteToken>>> {
        Box::pin(async move {
            let mut all = Vec::new();
            loop {
                match REAL.list(session, workspace).await {
                    Ok(page) if page.is_empty() => return Ok(all),
                    Ok(page) => all.extend(page),
                    Err(_) if !all.is_empty() => return Ok(all),
                    Err(error) => return Err(error),
                }
            }
        })
    }
}

struct BodyWins;

impl Adapter for BodyWins {
    eodh!();

    fn list<'a>(
        &'a self,
        session: &'a Session,
        workspace: &'a str,
    ) -> Later<'a, Asked<Vec<RemoteToken>>> {
        Box::pin(async move {
            match REAL.list(session, workspace).await {
                Err(error) if error.kind == Kind::Unavailable => Ok(Vec::new()),
                listed => listed,
            }
        })
    }
}

struct Believes;

impl Adapter for Believes {
    eodh!();

    fn revoke<'a>(
        &'a self,
        session: &'a Session,
        workspace: &'a str,
        id: &'a str,
    ) -> Later<'a, Asked<Revoked>> {
        Box::pin(async move {
            match REAL.revoke(session, workspace, id).await {
                Err(error) if error.kind == Kind::OutcomeUnknown => {
                    Ok(Revoked { already: false, confirmed: true })
                }
                gone => gone,
            }
        })
    }
}

struct InAddress;

impl Adapter for InAddress {
    eodh!();

    fn list<'a>(
        &'a self,
        session: &'a Session,
        workspace: &'a str,
    ) -> Later<'a, Asked<Vec<RemoteToken>>> {
        Box::pin(async move {
            let mut url = session.connection().hub.clone();
            url.set_path("/api/check");
            url.query_pairs_mut().append_pair("token", KEY);
            let _ = session.send(Request::get(Operation::List, url)).await;
            REAL.list(session, workspace).await
        })
    }
}

struct Clamps;

impl Adapter for Clamps {
    eodh!();

    fn issue<'a>(
        &'a self,
        session: &'a Session,
        workspace: &'a str,
        request: &'a IssueRequest,
    ) -> Later<'a, IssueOutcome> {
        Box::pin(async move {
            let request = IssueRequest {
                lifetime: request.lifetime.map(|days| days.clamp(1, 30)),
                ..request.clone()
            };
            REAL.issue(session, workspace, &request).await
        })
    }
}

struct Hasty;

impl Adapter for Hasty {
    eodh!();

    fn verify<'a>(
        &'a self,
        session: &'a Session,
        workspace: &'a str,
    ) -> Later<'a, Asked<KeyState>> {
        Box::pin(async move {
            Ok(match REAL.list(session, workspace).await {
                Ok(_) => KeyState::Works,
                Err(_) => KeyState::NotAccepted,
            })
        })
    }
}

struct Follows;

impl Adapter for Follows {
    eodh!();

    fn list<'a>(
        &'a self,
        session: &'a Session,
        workspace: &'a str,
    ) -> Later<'a, Asked<Vec<RemoteToken>>> {
        Box::pin(async move {
            let hub = session.connection().origin();
            let path = format!("{hub}/api/workspaces/{workspace}/me/tokens");
            // A client that follows redirects and sends its header along, as many do.
            let client = reqwest::Client::builder().no_proxy().build().expect("a client");
            let _ = client.get(path).header("X-Key", KEY).send().await;
            REAL.list(session, workspace).await
        })
    }
}

struct MakesUpAnEnd;

impl Adapter for MakesUpAnEnd {
    eodh!();

    fn s3<'a>(&'a self, session: &'a Session, workspace: &'a str) -> Later<'a, Asked<IssuedS3>> {
        Box::pin(async move {
            let mut set = REAL.s3(session, workspace).await?;
            set.expires = set.expires.or(Some(session.http().clock().now()));
            Ok(set)
        })
    }
}

struct OffersAll;

impl Adapter for OffersAll {
    eodh!();

    fn workspaces<'a>(&'a self, session: &'a Session) -> Later<'a, Asked<Vec<WorkspaceView>>> {
        Box::pin(async move {
            let mut all = REAL.workspaces(session).await?;
            let some = all.iter().find_map(|workspace| workspace.s3.clone());
            for workspace in &mut all {
                workspace.s3.clone_from(&some);
            }
            Ok(all)
        })
    }
}

struct AllOffline;

impl Adapter for AllOffline {
    eodh!();

    fn list<'a>(
        &'a self,
        session: &'a Session,
        workspace: &'a str,
    ) -> Later<'a, Asked<Vec<RemoteToken>>> {
        Box::pin(async move {
            REAL.list(session, workspace).await.map_err(|error| {
                let kind = Kind::Network {
                    kind: wayleave_core::platform::NetworkKind::Refused,
                    sent: false,
                };
                PlatformError::new(error.operation, error.facts.host, kind)
            })
        })
    }
}
