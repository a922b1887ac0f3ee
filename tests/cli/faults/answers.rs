//! Answers that no contract knows, and refusals in every shape that the hub's servers give them
//! (platforms.md A.7).

use wayleave_sandbox::Effect;

use super::stage::{Answer, Check, S3, Stage, TOKENS, WORKSPACE, Wanted, wanted};

const NGINX: &str = "<html>\r\n<head><title>Error</title></head>\r\n<body>\r\n<center><h1>Error\
    </h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n";
const CLOUDFRONT: &str = "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 4.01 Transitional//EN\">\n<HTML>\
    <HEAD><TITLE>ERROR: The request could not be satisfied</TITLE></HEAD><BODY>Request blocked.\
    </BODY></HTML>\n";
const SIGN_IN_PAGE: &str = "<html><form id=\"kc-form-login\" action=\"/x\"><input \
    type=\"password\"></form></html>";

/// Shapes of a refusal: name, content type, body.
const SHAPES: [(&str, &str, &str); 13] = [
    ("nginx's page", "text/html", NGINX),
    ("CloudFront's page", "text/html; charset=UTF-8", CLOUDFRONT),
    ("middleware's text", "text/plain; charset=utf-8", "authorization header missing\n"),
    ("JSON by its type, and empty", "application/json", ""),
    ("a JSON text", "application/json", "\"Workspace does not exist.\""),
    ("an error object", "application/json", "{\"error\":\"denied\"}"),
    ("a message", "application/json", "{\"message\":\"Forbidden\"}"),
    ("FastAPI's detail", "application/json", "{\"detail\":\"Not authenticated\"}"),
    (
        "FastAPI's list of fields",
        "application/json",
        "{\"detail\":[{\"loc\":[\"body\",\"name\"],\"msg\":\"field required\",\"type\":\"missing\"}]}",
    ),
    ("nothing at all", "", ""),
    ("valid JSON of a good answer", "application/json", "[]"),
    ("text followed by JSON", "text/plain", "bad request\n{\"access\":\"x\"}"),
    ("bytes that are no text", "application/octet-stream", "\u{1b}[2J\u{0}\u{202e}"),
];

/// What a status means, whatever stands in the body.
const STATUSES: [(u16, &str, Wanted); 6] = [
    (401, "status_401", wanted("session_ended", 4)),
    (403, "status_403", wanted("forbidden", 5)),
    (404, "status_404", wanted("not_found", 7)),
    (429, "status_429", wanted("rate_limited", 5)),
    (500, "status_500", wanted("platform_unavailable", 1)),
    (502, "status_502", wanted("platform_unavailable", 1)),
];

/// The requests of the main job: what is asked, and the verb that asks it.
const VERBS: [(&str, &str, &[&str]); 4] = [
    ("GET", "/api/workspaces", &["workspaces"]),
    ("GET", TOKENS, &["token", "list", "--on-platform", "-w", WORKSPACE]),
    ("POST", TOKENS, &["token", "request", "-w", WORKSPACE, "--name", "new"]),
    ("POST", S3, &["s3", "request", "-w", WORKSPACE]),
];

#[test]
fn each_status_in_each_shape() {
    std::thread::scope(|scope| {
        for (status, id, wanted) in STATUSES {
            scope.spawn(move || status_in_each_shape(status, id, wanted));
        }
    });
}

fn status_in_each_shape(status: u16, id: &'static str, wanted: Wanted) {
    let stage = Stage::with_key();
    let key = stage.home.run(&["reveal", "kept", "--field", "api_key"]).stdout;
    let echo = format!("{{\"detail\":\"unknown key {}\"}}", key.trim());
    let echoed = ("the key that was sent", "application/json", echo.as_str());
    let mut check = Check::new(id);
    // A server that asks to come back is asked again; at once, so that nobody waits here.
    let headers: &[(&str, &str)] = &[("retry-after", "0"), ("x-request-id", "req-1")];
    for (shape, kind, body) in SHAPES.into_iter().chain([echoed]) {
        for (method, path, verb) in VERBS {
            stage.stay_signed_in();
            let before = stage.seen("POST", path);
            stage.answer(method, path, 9, Answer { status, kind, body, headers });
            let own_trouble = status == 401 && path == S3 && is_own_trouble(body);
            let unavailable = super::stage::wanted("platform_unavailable", 1);
            let error = check.refused(&stage, verb, if own_trouble { unavailable } else { wanted });
            stage.calm();
            let text = error.to_string();
            check.so("no markup is shown", !text.contains("<h") && !text.contains("\\u001b"));
            let posts = stage.seen("POST", path) - before;
            check.so(&format!("{shape}: posted once"), posts == usize::from(method == "POST"));
        }
        check.so("no token was made", stage.sandbox.tokens().len() == 1);
    }
    revoking(&stage, &mut check, status, headers, wanted);
    check.done();
}

/// A text under the 401 of the S3 endpoint that is not about who asks is about the server's own
/// client (platforms.md A.9.3).
fn is_own_trouble(body: &str) -> bool {
    let about_the_caller = body.starts_with(['<', '{']) || body.starts_with("authorization header");
    !body.is_empty() && !about_the_caller
}

/// A token whose revocation failed is as it was; `404` counts only when the list agrees.
fn revoking(
    stage: &Stage,
    check: &mut Check,
    status: u16,
    headers: &[(&str, &str)],
    wanted_here: Wanted,
) {
    stage.stay_signed_in();
    let answer = Answer { status, kind: "text/html", body: NGINX, headers };
    stage.answer("DELETE", "/api/workspaces/demo-ws/me/tokens/*", 9, answer);
    let verb = ["token", "revoke", "kept", "--yes"];
    let wanted = if status == 404 { wanted("outcome_unknown", 1) } else { wanted_here };
    check.refused(stage, &verb, wanted);
    stage.calm();
    stage.stay_signed_in();
    let shown = stage.home.json(&["show", "kept"]);
    check.so("it is still active", shown["state"] == "active" && stage.sandbox.tokens().len() == 1);
}

#[test]
fn html_instead_of_json() {
    let stage = Stage::with_key();
    let mut check = Check::new("html_instead_of_json");
    for (method, path, verb) in VERBS {
        for (kind, body, wanted) in [
            ("text/html", NGINX, wanted("unexpected_answer", 1)),
            ("application/json", NGINX, wanted("unexpected_answer", 1)),
            ("text/html", SIGN_IN_PAGE, wanted("session_ended", 4)),
        ] {
            stage.stay_signed_in();
            stage.answer(method, path, 1, Answer { status: 200, kind, body, headers: &[] });
            check.refused(&stage, verb, wanted);
            stage.calm();
        }
    }
    check.so("no token was made", stage.sandbox.tokens().len() == 1);
    check.done();
}

#[test]
fn truncated_json() {
    let stage = Stage::with_key();
    let mut check = Check::new("truncated_json");
    let mut whole = String::from("[{\"id\":\"1\",\"name\":\"demo-ws\",\"status\":\"ready\"}]");
    let unexpected = wanted("unexpected_answer", 1);
    while whole.pop().is_some() {
        if whole.len() % 5 == 0 {
            let kind = "application/json";
            let answer = Answer { status: 200, kind, body: &whole, headers: &[] };
            stage.answer("GET", "/api/workspaces", 1, answer);
            check.refused(&stage, &["workspaces"], unexpected);
        }
    }
    for body in ["{", "[1,", "nul", "[NaN]", "{\"a\":\u{7}}", "[[[[", "\u{feff}[]", "[]]", "{}"] {
        let kind = "application/json";
        stage.answer("GET", "/api/workspaces", 1, Answer { status: 200, kind, body, headers: &[] });
        check.refused(&stage, &["workspaces"], unexpected);
    }
    stage.calm();
    // The connection itself breaks in the middle, of the header and of the content.
    for after_bytes in [1, 20, 60, 200, 400] {
        let effect = Effect::Cut { after_bytes };
        stage.sandbox.rule(Some("GET"), "/api/workspaces", Some(1), effect);
        check.refused(&stage, &["workspaces"], wanted("offline", 6));
        stage.calm();
    }
    check.done();
}
