//! Desktop notifications: `org.freedesktop.Notifications` on the session bus (Desktop
//! Notifications Specification 1.2).

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::timeout;
use wayleave_core::error::Result;
use wayleave_core::host::{Host, Notice};
use zbus::Connection;
use zbus::zvariant::Value;

use super::no_desktop;

const NAME: &str = "org.freedesktop.Notifications";
const PATH: &str = "/org/freedesktop/Notifications";
/// How long the desktop may take; it may have to start its notification server first.
const PATIENCE: Duration = Duration::from_secs(10);

/// Expiration: as the server has it.
const USUAL: i32 = -1;
/// Expiration: never by itself.
const NEVER: i32 = 0;
/// Urgency hints of the specification.
const NORMAL: u8 = 1;
const CRITICAL: u8 = 2;

/// The desktop around the agent.
///
/// The connection is kept: GNOME takes an application's notifications away when the one who
/// sent them leaves the bus.
#[derive(Default)]
pub struct Desktop(Mutex<Option<Server>>);

#[derive(Clone)]
struct Server {
    bus: Connection,
    /// Whether it reads the body as markup, so that `<` and `&` must be escaped.
    markup: bool,
}

impl Host for Desktop {
    async fn notify(&self, notice: Notice) -> Result<()> {
        let mut kept = self.0.lock().await;
        let shown = timeout(PATIENCE, show(&mut kept, &notice)).await;
        let outcome = match shown {
            Ok(Ok(())) => Ok(()),
            Ok(Err(e)) => Err(no_desktop(e)),
            Err(_) => Err(no_desktop("the desktop does not answer")),
        };
        if outcome.is_ok() {
            log::info!("notice {} shown", notice.id);
        } else {
            log::warn!("notice {} not shown", notice.id);
            // The bus may be another one next time: it is looked for again.
            *kept = None;
        }
        outcome
    }
}

async fn show(kept: &mut Option<Server>, notice: &Notice) -> zbus::Result<()> {
    let server = match kept {
        Some(server) => server.clone(),
        None => kept.insert(connect().await?).clone(),
    };
    let body = if server.markup { escaped(&notice.body) } else { notice.body.clone() };
    let urgency = if notice.urgent { CRITICAL } else { NORMAL };
    let hints: HashMap<&str, Value<'_>> = HashMap::from([
        ("urgency", Value::from(urgency)),
        ("desktop-entry", Value::from("wayleave")),
    ]);
    let actions: &[&str] = &[];
    let expiration = if notice.urgent { NEVER } else { USUAL };
    // A notice keeps its number as `replaces_id`, so that showing it again replaces it.
    let arguments =
        ("Wayleave", notice.id, "wayleave", &notice.title, &body, actions, hints, expiration);
    server.bus.call_method(Some(NAME), PATH, Some(NAME), "Notify", &arguments).await.map(drop)
}

async fn connect() -> zbus::Result<Server> {
    let bus = Connection::session().await?;
    let reply = bus.call_method(Some(NAME), PATH, Some(NAME), "GetCapabilities", &()).await?;
    let abilities: Vec<String> = reply.body().deserialize()?;
    Ok(Server { bus, markup: abilities.iter().any(|ability| ability == "body-markup") })
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_no_markup() {
        assert_eq!(escaped("<b>AT&T</b>"), "&lt;b&gt;AT&amp;T&lt;/b&gt;");
    }
}
