//! A protected XYZ tile service.

use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::Response;

use crate::api::auth::{self, Caller};
use crate::api::not_found;
use crate::reply;
use crate::state::App;

/// Width and height of a tile, in pixels.
const SIZE: u32 = 256;
/// Deepest zoom level.
const MAX_ZOOM: u32 = 22;

/// `GET /tiles/{z}/{x}/{y}.png` for any API token, `GET /tiles/{ws}/{z}/{x}/{y}.png` for tokens
/// of that workspace. 401 without a good token, 403 for another kind of sign-in or workspace.
pub(crate) async fn serve(
    State(app): State<App>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let bearer = reply::bearer(&headers).and_then(|token| auth::by_bearer(&app, token));
    let Some(caller) = bearer else { return reply::nginx(StatusCode::UNAUTHORIZED) };
    let Caller::Token { workspace, .. } = caller else {
        return reply::nginx(StatusCode::FORBIDDEN);
    };
    let parts: Vec<&str> = uri.path().split('/').skip(2).collect();
    let (limited, place) = match parts.as_slice() {
        [z, x, y] => (None, tile(z, x, y)),
        [ws, z, x, y] => (Some(*ws), tile(z, x, y)),
        _ => (None, None),
    };
    if limited.is_some_and(|ws| ws != workspace) {
        return reply::nginx(StatusCode::FORBIDDEN);
    }
    match place.filter(|_| method == Method::GET).and_then(picture) {
        Some(png) => reply::body(StatusCode::OK, "image/png", png),
        None => not_found(),
    }
}

/// Zoom, column and row of a tile that exists.
fn tile(z: &str, x: &str, y: &str) -> Option<(u32, u32, u32)> {
    let z: u32 = z.parse().ok().filter(|z| *z <= MAX_ZOOM)?;
    let within = |n: &u32| *n < 1 << z;
    let x = x.parse().ok().filter(within)?;
    let y = y.strip_suffix(".png")?.parse().ok().filter(within)?;
    Some((z, x, y))
}

/// A plain picture that differs from tile to tile: two tints in a chequered pattern with a rim.
fn picture((z, x, y): (u32, u32, u32)) -> Option<Vec<u8>> {
    let tint = |n: u32| u8::try_from(96 + (n % 5) * 30).unwrap_or(96);
    let base = [tint(x), tint(y + 2), tint(z + x + y)];
    let mut pixels = Vec::with_capacity((SIZE * SIZE * 3) as usize);
    for row in 0..SIZE {
        for column in 0..SIZE {
            let rim = row == 0 || column == 0;
            let lift = if (row / 32 + column / 32) % 2 == 0 { 0 } else { 12 };
            let shade = |c: u8| if rim { 40 } else { c.saturating_add(lift) };
            pixels.extend(base.map(shade));
        }
    }
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, SIZE, SIZE);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().ok()?;
    writer.write_image_data(&pixels).ok()?;
    writer.finish().ok()?;
    Some(out)
}
