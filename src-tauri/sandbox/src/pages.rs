//! The pages' frame and the identity provider's pages: plain HTML forms, no script, so that they
//! work with a keyboard alone and in any browser.

/// Replaces the five characters that mean something in HTML.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#17212b;--soft:#52606d;--page:#eef2f3;--card:#fff;--line:#cfd8dc;\
--strong:#0b5c66;--on:#fff;--bad:#9b1c1c}\
@media(prefers-color-scheme:dark){:root{--ink:#e8edf0;--soft:#a9b6bf;--page:#11181d;--card:#1a242b;\
--line:#33424c;--strong:#57c3cf;--on:#08262a;--bad:#ff9d9d}}\
*{box-sizing:border-box}body{margin:0;font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--page)}\
header{background:#0b3c44;color:#fff;padding:.9rem 1.5rem;display:flex;gap:1rem;align-items:baseline;flex-wrap:wrap}\
header strong{font-size:1.15rem}header span{color:#bfe3e7;font-size:.9rem}header a{color:#fff;margin-left:auto}\
main{max-width:46rem;margin:2rem auto;padding:0 1rem}main.narrow{max-width:26rem}\
.card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:1.5rem;margin-bottom:1.25rem}\
h1{font-size:1.4rem;margin:0 0 .75rem}h2{font-size:1.1rem;margin:0 0 .75rem}p{margin:.4rem 0 .9rem}\
label{display:block;font-weight:600;margin:.9rem 0 .25rem}\
input{width:100%;font:inherit;padding:.55rem .7rem;border:1px solid #7b8a94;border-radius:6px;background:var(--card);color:var(--ink)}\
button,.button{display:inline-block;font:inherit;font-weight:600;padding:.55rem 1.1rem;margin:1rem .5rem 0 0;border-radius:6px;\
border:1px solid var(--strong);background:var(--strong);color:var(--on);cursor:pointer;text-decoration:none}\
button.plain{background:transparent;color:var(--strong)}\
:focus-visible{outline:3px solid #f0a202;outline-offset:2px}\
a{color:var(--strong)}table{width:100%;border-collapse:collapse}th,td{text-align:left;padding:.45rem .5rem;\
border-bottom:1px solid var(--line);vertical-align:middle}td form{margin:0}td button{margin:0;padding:.25rem .7rem}\
.error{color:var(--bad);font-weight:600}.soft{color:var(--soft)}code{font:.95em ui-monospace,monospace;overflow-wrap:anywhere}\
.big{font-size:1.6rem;letter-spacing:.12em}";

/// A whole page. `top` goes into the header bar, `content` into the middle; both are HTML.
pub(crate) fn frame(title: &str, narrow: bool, top: &str, content: &str) -> String {
    let class = if narrow { " class=\"narrow\"" } else { "" };
    let title = escape(title);
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>{title} – Sandbox EO Data Hub</title><style>{STYLE}</style></head>\
         <body><header><strong>Sandbox EO Data Hub</strong>\
         <span>runs on this computer, holds no real data</span>{top}</header>\
         <main{class}>{content}</main></body></html>\n"
    )
}

fn card(title: &str, content: &str) -> String {
    frame(
        title,
        true,
        "",
        &format!("<div class=\"card\"><h1>{}</h1>{content}</div>", escape(title)),
    )
}

/// The log-in form. `action` is where it goes.
pub(crate) fn login(action: &str, error: Option<&str>) -> String {
    let error = error
        .map(|text| {
            format!("<p class=\"error\" role=\"alert\" id=\"input-error\">{}</p>", escape(text))
        })
        .unwrap_or_default();
    let action = escape(action);
    card(
        "Sign in",
        &format!(
            "{error}<form id=\"kc-form-login\" method=\"post\" action=\"{action}\">\
             <label for=\"username\">User name</label>\
             <input id=\"username\" name=\"username\" autocomplete=\"username\" autocapitalize=\"none\" autofocus required>\
             <label for=\"password\">Password</label>\
             <input id=\"password\" name=\"password\" type=\"password\" autocomplete=\"current-password\" required>\
             <input type=\"hidden\" name=\"credentialId\" value=\"\">\
             <button id=\"kc-login\" name=\"login\" type=\"submit\">Sign in</button></form>\
             <p class=\"soft\">Sandbox accounts: <code>demo</code> with <code>demo-password</code>, \
             <code>ada</code> with <code>ada-demo-password</code>.</p>"
        ),
    )
}

/// Something went wrong, in words.
pub(crate) fn problem(title: &str, text: &str) -> String {
    let text = escape(text);
    card(title, &format!("<p class=\"error\" role=\"alert\" id=\"kc-error-message\">{text}</p>"))
}

/// Something is finished.
pub(crate) fn done(title: &str, text: &str) -> String {
    card(
        title,
        &format!(
            "<p role=\"status\">{}</p><p><a href=\"/\">Sandbox EO Data Hub</a></p>",
            escape(text)
        ),
    )
}

/// Asks for a device's code.
pub(crate) fn device_code(action: &str, error: Option<&str>) -> String {
    let error = error
        .map(|text| format!("<p class=\"error\" role=\"alert\">{}</p>", escape(text)))
        .unwrap_or_default();
    card(
        "Connect a device",
        &format!(
            "{error}<form id=\"kc-user-verify-device-user-code-form\" method=\"post\" action=\"{}\">\
             <label for=\"device-user-code\">Code shown by the device</label>\
             <input id=\"device-user-code\" name=\"device_user_code\" autocomplete=\"off\" autofocus required>\
             <button type=\"submit\">Continue</button></form>",
            escape(action)
        ),
    )
}

/// Shows a device's code with Allow and Deny.
pub(crate) fn consent(action: &str, client: &str, user_code: &str) -> String {
    let (action, client, user_code) = (escape(action), escape(client), escape(user_code));
    card(
        "Grant access to a device",
        &format!(
            "<p><code>{client}</code> asks to act for you at the Sandbox EO Data Hub. \
             Allow it only if your device shows this code:</p>\
             <p class=\"big\"><code id=\"user-code\">{user_code}</code></p>\
             <form method=\"post\" action=\"{action}\">\
             <input type=\"hidden\" name=\"code\" value=\"{user_code}\">\
             <button id=\"kc-login\" name=\"accept\" value=\"Yes\" type=\"submit\" autofocus>Allow</button>\
             <button id=\"kc-cancel\" name=\"cancel\" value=\"No\" type=\"submit\" class=\"plain\">Deny</button></form>"
        ),
    )
}

/// Asks before logging out.
pub(crate) fn confirm_logout(action: &str, target: &str) -> String {
    let (action, target) = (escape(action), escape(target));
    card(
        "Logging out",
        &format!(
            "<p>Do you want to log out?</p><form method=\"post\" action=\"{action}\">\
             <input type=\"hidden\" name=\"post_logout_redirect_uri\" value=\"{target}\">\
             <button id=\"kc-logout\" name=\"confirmLogout\" type=\"submit\" autofocus>Log out</button></form>"
        ),
    )
}
