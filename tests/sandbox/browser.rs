//! As much of a browser as the sign-in needs: cookies with their paths, redirects, forms.

use std::collections::BTreeMap;

use wayleave_sandbox::{Person, Sandbox};

/// A browser with its cookies.
pub struct Browser {
    client: reqwest::Client,
    /// Path and name, and value.
    pub jar: BTreeMap<(String, String), String>,
    hub: String,
}

/// A page, or a redirect that leads away from the hub.
#[derive(Debug)]
pub struct Page {
    pub status: u16,
    pub url: String,
    /// Where it leads, when it was not followed.
    pub location: Option<String>,
    pub body: String,
}

impl Browser {
    pub fn new(sandbox: &Sandbox) -> Self {
        Self::at(sandbox.hub_url(), crate::client())
    }

    /// A browser for the hub at this origin, with a client that follows nothing.
    pub fn at(hub: &str, client: reqwest::Client) -> Self {
        Self { client, jar: BTreeMap::new(), hub: hub.to_owned() }
    }

    fn absolute(&self, url: &str) -> String {
        if url.starts_with('/') { format!("{}{url}", self.hub) } else { url.to_owned() }
    }

    fn cookies_for(&self, url: &str) -> String {
        let path = url::Url::parse(url).unwrap().path().to_owned();
        let fits = |((at, _), _): &(&(String, String), &String)| path.starts_with(at.as_str());
        let pair = |((_, name), value): (&(String, String), &String)| format!("{name}={value}");
        self.jar.iter().filter(fits).map(pair).collect::<Vec<_>>().join("; ")
    }

    fn keep(&mut self, line: &str) {
        let mut parts = line.split(';').map(str::trim);
        let (name, value) = parts.next().unwrap().split_once('=').unwrap();
        let rest: Vec<&str> = parts.collect();
        let kept = self.hub.starts_with("https:") || !rest.contains(&"Secure");
        assert!(kept, "loopback http would lose it: {name}");
        let path = rest.iter().find_map(|p| p.strip_prefix("Path=")).expect("a path");
        let key = (path.to_owned(), name.to_owned());
        if rest.contains(&"Max-Age=0") {
            self.jar.remove(&key);
        } else {
            self.jar.insert(key, value.to_owned());
        }
    }

    /// One request, nothing followed.
    pub async fn hop(&mut self, url: &str, form: Option<&[(&str, &str)]>) -> Page {
        let url = self.absolute(url);
        let request = match form {
            Some(form) => self.client.post(&url).form(form),
            None => self.client.get(&url),
        };
        let cookies = self.cookies_for(&url);
        let request = if cookies.is_empty() { request } else { request.header("cookie", cookies) };
        let response = request.header("accept", "text/html").send().await.expect("an answer");
        let text = |v: &reqwest::header::HeaderValue| v.to_str().unwrap().to_owned();
        let set: Vec<String> = response.headers().get_all("set-cookie").iter().map(text).collect();
        let location = response.headers().get("location").map(text);
        for line in &set {
            self.keep(line);
        }
        let status = response.status().as_u16();
        Page { status, url, location, body: response.text().await.unwrap() }
    }

    /// A request, and on to the end of its redirects within the hub.
    pub async fn go(&mut self, url: &str, form: Option<&[(&str, &str)]>) -> Page {
        let mut page = self.hop(url, form).await;
        for _ in 0..10 {
            match page.location.clone().map(|to| self.absolute(&to)) {
                Some(to) if to.starts_with(&self.hub) => page = self.hop(&to, None).await,
                _ => return page,
            }
        }
        panic!("redirects without end: {}", page.url);
    }

    /// Fills in the log-in form on `page`.
    pub async fn log_in(&mut self, page: &Page, username: &str, password: &str) -> Page {
        self.go(&form_action(page), Some(&[("username", username), ("password", password)])).await
    }

    /// Signs in at the portal and returns the page it ends on.
    pub async fn sign_in(&mut self, who: Person, rd: &str) -> Page {
        let page = self.go(&format!("/oauth2/start?rd={rd}"), None).await;
        self.log_in(&page, who.username, who.password).await
    }

    /// The two session cookies as one header.
    pub fn session(&self) -> String {
        let part = |n: u8| {
            let name = format!("_oauth2_proxy_{n}");
            let value = self.jar.get(&("/".to_owned(), name.clone())).expect("a session cookie");
            format!("{name}={value}")
        };
        format!("{}; {}", part(0), part(1))
    }
}

/// Where the first form of a page goes.
pub fn form_action(page: &Page) -> String {
    let (_, rest) = page.body.split_once("action=\"").expect("a form");
    rest.split_once('"').unwrap().0.replace("&amp;", "&")
}
