//! Renewing OpenID tokens: once for all who wait, stored before used, and never a second time
//! with a refresh token whose answer was lost (platforms.md E.1.4, stack.md 2d).

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::holder::Holder;
use super::{Held, Inner, OidcTokens, oidc};
use crate::platform::http::Http;
use crate::platform::{Asked, Kind, Operation, PlatformError};
use crate::secret::Secret;

/// What asking for new tokens brought.
pub(super) enum Renewal {
    /// New tokens.
    Renewed(Box<OidcTokens>),
    /// The provider says that the session is over.
    Over,
    /// Nothing was sent, or the provider refused without ending anything: ask again later.
    NotNow(PlatformError),
    /// It was sent and the answer was lost: the old refresh token must not be shown again.
    Lost(PlatformError),
}

/// An access token that lasts, renewed where needed. `refused`: a token the platform has just
/// refused, which is renewed unless somebody else did it meanwhile.
pub(super) async fn access_token(
    inner: &Arc<Inner>,
    operation: Operation,
    refused: Option<&Secret>,
) -> Asked<Secret> {
    if let Some(access) = usable(inner, &inner.held().await.holder, refused) {
        return Ok(access);
    }
    let (this, refused) = (Arc::clone(inner), refused.map(Secret::duplicate));
    let lost = PlatformError::new(operation, inner.connection.host(), Kind::OutcomeUnknown);
    // To its end even when the caller goes away: a rotation cut in the middle ends the session.
    let renewing = tokio::spawn(async move {
        let mut held = this.held().await;
        this.save_if_needed(&mut held, Operation::Refresh).await?;
        // Somebody may have renewed while we waited for our turn.
        match usable(&this, &held.holder, refused.as_ref()) {
            Some(access) => Ok(access),
            None => renew(&this, &mut held, refused.as_ref()).await,
        }
    });
    renewing.await.unwrap_or(Err(lost))
}

async fn renew(inner: &Inner, held: &mut Held, refused: Option<&Secret>) -> Asked<Secret> {
    let over = |kind| PlatformError::new(Operation::Refresh, inner.connection.host(), kind);
    let Holder::Oidc(tokens) = &mut held.holder else { return Err(over(Kind::Unauthenticated)) };
    match ask(&inner.http, tokens).await {
        Renewal::Renewed(renewed) => {
            let access = renewed.access.duplicate();
            held.holder = Holder::Oidc(renewed);
            held.unsaved = true;
            inner.note_status(&held.holder);
            inner.save_if_needed(held, Operation::Refresh).await?;
            Ok(access)
        }
        Renewal::Over => {
            inner.end(held).await;
            Err(over(Kind::Unauthenticated))
        }
        Renewal::NotNow(error) => still_good(inner, held, refused).ok_or(error),
        Renewal::Lost(error) => {
            tokens.refresh = None;
            held.unsaved = true;
            inner.note_status(&held.holder);
            inner.save_if_needed(held, Operation::Refresh).await?;
            still_good(inner, held, refused).ok_or(error)
        }
    }
}

async fn ask(http: &Http, tokens: &OidcTokens) -> Renewal {
    match &tokens.refresh {
        Some(refresh) => oidc::refresh(http, tokens, refresh).await,
        None => Renewal::Over,
    }
}

/// The access token where it need not be renewed yet.
fn usable(inner: &Inner, holder: &Holder, refused: Option<&Secret>) -> Option<Secret> {
    let Holder::Oidc(tokens) = holder else { return None };
    let margin = SignedDuration::from_secs((tokens.access_seconds / 10).clamp(1, 30));
    let fresh = ends_after(tokens, inner.http.clock().now(), margin);
    (fresh && !was_refused(tokens, refused)).then(|| tokens.access.duplicate())
}

/// The access token where it cannot be renewed now but has not ended.
fn still_good(inner: &Inner, held: &Held, refused: Option<&Secret>) -> Option<Secret> {
    let Holder::Oidc(tokens) = &held.holder else { return None };
    let good = ends_after(tokens, inner.http.clock().now(), SignedDuration::ZERO);
    (good && !was_refused(tokens, refused)).then(|| tokens.access.duplicate())
}

fn ends_after(tokens: &OidcTokens, now: Timestamp, margin: SignedDuration) -> bool {
    now.checked_add(margin).is_ok_and(|then| tokens.access_ends > then)
}

fn was_refused(tokens: &OidcTokens, refused: Option<&Secret>) -> bool {
    refused.is_some_and(|refused| tokens.access.matches(refused.expose()))
}
