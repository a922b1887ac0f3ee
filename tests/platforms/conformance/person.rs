//! A person at the pages of real servers: reads forms, fills them in, answers what is asked.

use reqwest::Certificate;

use crate::browser::{Browser, Page};

/// What its requests call themselves: the suites of `tests/stack` know a person's requests by it.
pub const AGENT: &str = "a test's browser";
/// Pages that one way in may have.
const HOPS: usize = 25;

/// Somebody with a browser of their own.
pub struct Person {
    browser: Browser,
    hub: String,
    who: (&'static str, &'static str),
}

impl Person {
    /// With a user name and a password at the hub of this origin, whose certificate this
    /// authority signed.
    pub fn new(
        hub: &str,
        authority: &[u8],
        who: (&'static str, &'static str),
    ) -> Result<Self, String> {
        let client = trusting(authority)?;
        Ok(Self { browser: Browser::at(hub, client), hub: hub.to_owned(), who })
    }

    /// Goes through all pages from an address on; `consent` is the answer where one is asked for.
    /// The last page: it leads away from the hub, or has no form that a person would fill in.
    pub async fn walk(&mut self, url: &str, consent: bool) -> Result<Page, String> {
        self.walk_to(url, consent, None).await
    }

    /// The same, ending before an address of the hub is opened.
    async fn walk_to(
        &mut self,
        url: &str,
        consent: bool,
        end: Option<&str>,
    ) -> Result<Page, String> {
        let mut page = self.browser.hop(url, None).await;
        for _ in 0..HOPS {
            if let Some(to) = page.location.clone() {
                let to = if to.starts_with('/') { format!("{}{to}", self.hub) } else { to };
                if !to.starts_with(&self.hub) || end == Some(to.as_str()) {
                    return Ok(page);
                }
                page = self.browser.hop(&to, None).await;
                continue;
            }
            let form = if page.status < 400 { self.filled(&page, consent) } else { None };
            let Some((action, fields)) = form else { return Ok(page) };
            let fields: Vec<(&str, &str)> =
                fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            page = self.browser.hop(&action, Some(&fields)).await;
        }
        Err("the pages have no end".into())
    }

    /// Signs in at the portal anew; the `Cookie` header of the session.
    pub async fn portal(&mut self) -> Result<String, String> {
        self.browser.jar.retain(|(_, name), _| !name.starts_with("_oauth2_proxy"));
        let (start, end) = ("/oauth2/start?rd=/workspaces/", format!("{}/workspaces/", self.hub));
        let page = self.walk_to(&format!("{}{start}", self.hub), true, Some(&end)).await?;
        if page.location.is_none() {
            return Err(format!("the portal leads nowhere: {}", page.status));
        }
        Ok(self.browser.session())
    }

    /// Where the page's form goes, and what is sent with it.
    fn filled(&self, page: &Page, consent: bool) -> Option<(String, Vec<(String, String)>)> {
        let forms = forms(&page.body);
        let find = |fits: &dyn Fn(&Form) -> bool| forms.iter().find(|form| fits(form));
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        if let Some(log_in) = find(&|form| form.id == "kc-form-login") {
            let (user, password) = self.who;
            let fields = [("username", user), ("password", password), ("credentialId", "")];
            return Some((log_in.action.clone(), fields.map(|(n, v)| field(n, v)).to_vec()));
        }
        let agree = find(&|form| form.action.contains("/consent?"))?;
        let hidden = agree.fields.iter().filter(|(name, _)| name != "accept" && name != "cancel");
        let answer = field(if consent { "accept" } else { "cancel" }, "x");
        Some((agree.action.clone(), hidden.cloned().chain([answer]).collect()))
    }
}

/// A client that follows nothing and trusts this authority too.
pub fn trusting(authority: &[u8]) -> Result<reqwest::Client, String> {
    let found = Certificate::from_pem_bundle(authority).map_err(|error| error.to_string())?;
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .user_agent(AGENT)
        .tls_certs_merge(found)
        .build()
        .map_err(|error| error.to_string())
}

/// A form of a page.
struct Form {
    id: String,
    action: String,
    fields: Vec<(String, String)>,
}

fn forms(page: &str) -> Vec<Form> {
    let form = |text: &str| {
        let inner = text.split("</form>").next().unwrap_or_default();
        let (head, inner) = inner.split_once('>').unwrap_or_default();
        let inputs = inner.split("<input").skip(1).filter_map(|input| {
            let tag = input.split('>').next().unwrap_or_default();
            Some((attribute(tag, "name")?, attribute(tag, "value").unwrap_or_default()))
        });
        Form {
            id: attribute(head, "id").unwrap_or_default(),
            action: attribute(head, "action").unwrap_or_default(),
            fields: inputs.collect(),
        }
    };
    page.split("<form").skip(1).map(form).collect()
}

/// An attribute of a tag, unescaped as far as addresses need it.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let mark = format!("{name}=\"");
    let own = |at: &usize| tag[..*at].ends_with(|c: char| c.is_whitespace());
    let (at, _) = tag.match_indices(&mark).find(|(at, _)| own(at))?;
    let value = tag[at + mark.len()..].split('"').next()?;
    Some(value.replace("&amp;", "&"))
}

#[test]
fn forms_are_read_as_keycloak_writes_them() {
    let page = r#"<form id="kc-form-login" onsubmit="login.disabled = true; return true;"
        action="https://x/authenticate?a=b&amp;c=d" method="post"><input name="username" value=""/>
        <input type="hidden" id="id-hidden-input" name="credentialId" /></form>
        <form class="x" action="/login-actions/consent?c=1"><input name="code" value="k"></form>"#;
    let found = forms(page);
    assert_eq!((found.len(), found[0].id.as_str()), (2, "kc-form-login"));
    assert_eq!(found[0].action, "https://x/authenticate?a=b&c=d");
    assert_eq!(found[1].fields, [("code".to_owned(), "k".to_owned())]);
}
