//! The portal's own pages.

use std::fmt::Write as _;

use crate::api::tokens;
use crate::clock::rfc3339;
use crate::pages::{escape, frame};
use crate::state::{ApiToken, Shared};
use crate::world;

fn top(username: Option<&str>) -> String {
    username
        .map(|name| format!("<a href=\"/sign_out/\">Sign out {}</a>", escape(name)))
        .unwrap_or_default()
}

/// The first page.
pub(super) fn home(username: Option<&str>) -> String {
    let action = match username {
        Some(name) => format!(
            "<p>You are signed in as <code>{}</code>.</p>\
             <a class=\"button\" href=\"/workspaces/\">Your workspaces</a>",
            escape(name)
        ),
        None => "<p>Sign in to see your workspaces and their credentials.</p>\
                 <a class=\"button\" href=\"/oauth2/start?rd=/workspaces/\" autofocus>Sign in</a>"
            .to_owned(),
    };
    let content = format!(
        "<div class=\"card\"><h1>Sandbox EO Data Hub</h1>\
         <p>A practice platform for Wayleave. It speaks like the real hub, but everything in it \
         lives on this computer and is gone when it stops.</p>{action}</div>"
    );
    frame("Welcome", false, &top(username), &content)
}

/// The list of workspaces, and the credentials of the chosen one. `shown`: id and secret of a
/// token that was made just now.
pub(super) fn workspaces(
    app: &Shared,
    username: &str,
    chosen: Option<&str>,
    shown: Option<(&str, &str)>,
) -> String {
    let mine = world::person(username).map_or(&[][..], |p| p.workspaces);
    let mut content = format!("<div class=\"card\"><h1>Workspaces</h1>{}</div>", list(mine));
    if let Some(name) = chosen.filter(|name| mine.contains(name)) {
        let rows = tokens::of(app, username, name);
        let made = shown.map(|(id, secret)| made(id, secret)).unwrap_or_default();
        let title = escape(name);
        let _ = write!(
            content,
            "{made}<div class=\"card\"><h2>API tokens of {title}</h2>{}{}</div>",
            table(&rows),
            form(name)
        );
    } else if let Some(name) = chosen {
        let name = escape(name);
        let _ = write!(content, "<p class=\"error\" role=\"alert\">No workspace {name}.</p>");
    }
    frame("Workspaces", false, &top(Some(username)), &content)
}

fn list(names: &[&str]) -> String {
    let item = |name: &&str| {
        let status = world::workspace(name).map_or("", |w| match w.stage {
            world::Stage::Ready => "available",
            world::Stage::Creating => "being created",
            world::Stage::Bare => "not ready",
        });
        format!(
            "<li><a href=\"/workspaces/?workspace={name}\">{name}</a> <span class=\"soft\">{status}</span></li>"
        )
    };
    format!("<ul>{}</ul>", names.iter().map(item).collect::<String>())
}

fn made(id: &str, secret: &str) -> String {
    format!(
        "<div class=\"card\" role=\"status\"><h2>Your new API token</h2>\
         <p>Copy it now: it is shown this once.</p>\
         <p>Token ID: <code id=\"token-id\">{}</code></p>\
         <p>API key: <code id=\"api-key\">{}</code></p></div>",
        escape(id),
        escape(secret)
    )
}

fn table(rows: &[ApiToken]) -> String {
    if rows.is_empty() {
        return "<p class=\"soft\">There are none.</p>".to_owned();
    }
    let row = |t: &ApiToken| {
        format!(
            "<tr><td>{name}</td><td><code>{id}</code></td><td>{expiry}</td><td>\
             <form method=\"post\" action=\"/workspaces/tokens/delete\">\
             <input type=\"hidden\" name=\"workspace\" value=\"{ws}\">\
             <input type=\"hidden\" name=\"id\" value=\"{id}\">\
             <button class=\"plain\" type=\"submit\" aria-label=\"Delete {name}\">Delete</button>\
             </form></td></tr>",
            name = escape(&t.name),
            id = escape(&t.id),
            expiry = rfc3339(t.expires),
            ws = escape(&t.workspace),
        )
    };
    let rows: String = rows.iter().map(row).collect();
    format!(
        "<table><thead><tr><th>Name</th><th>Token ID</th><th>Expires</th>\
         <th><span class=\"soft\">Action</span></th></tr></thead><tbody>{rows}</tbody></table>"
    )
}

fn form(workspace: &str) -> String {
    format!(
        "<form method=\"post\" action=\"/workspaces/tokens\">\
         <input type=\"hidden\" name=\"workspace\" value=\"{}\">\
         <label for=\"name\">Name of a new token</label>\
         <input id=\"name\" name=\"name\" maxlength=\"128\" required>\
         <label for=\"expires\">Expires (days)</label>\
         <input id=\"expires\" name=\"expires\" type=\"number\" min=\"1\" max=\"30\" value=\"30\" required>\
         <button type=\"submit\">Request token</button></form>",
        escape(workspace)
    )
}
