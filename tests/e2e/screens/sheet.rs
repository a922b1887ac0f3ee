//! The contact sheet: every state beside its drawing, as a page and as one picture for each theme
//! and width.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use super::states::{SIZES, STATES, Shape, State, THEMES};
use crate::stage::Stage;
use crate::{picture, pictures};

const STYLE: &str = "body{font:14px system-ui;margin:24px;background:#777;color:#fff}\
    section{margin:0 0 32px}h2{font-size:16px;margin:0 0 8px}p{margin:0 0 8px;opacity:.85}\
    div{display:flex;flex-wrap:wrap;gap:12px}figure{margin:0}img{display:block;max-width:640px}\
    figcaption{font-size:12px}";

/// The montages' labels (package fonts-dejavu-core).
const FONT: &str = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf";

/// Writes `sheet.html` and the montages into the folder of the pictures.
pub fn write(stage: &Stage, drawings: &Path) {
    let mut html =
        format!("<!doctype html><meta charset=utf-8><title>Screens</title><style>{STYLE}</style>");
    for state in STATES {
        let _ = write!(html, "<section><h2>{}</h2><p>{}</p><div>", state.id, caption(state));
        for (name, drawing) in pairs(state, drawings) {
            let _ = write!(
                html,
                "<figure><img src=\"{name}.png\"><figcaption>{name}</figcaption></figure>"
            );
            if let Some(drawing) = drawing {
                let _ = write!(
                    html,
                    "<figure><img src=\"{}\"><figcaption>drawn</figcaption></figure>",
                    drawing.display()
                );
            }
        }
        html.push_str("</div></section>");
    }
    fs::write(pictures().join("sheet.html"), html).expect("a contact sheet");
    for theme in THEMES {
        for (width, _) in SIZES {
            montage(stage, drawings, theme, width);
        }
    }
}

fn caption(state: &State) -> String {
    match state.shape {
        Shape::Later(why) => format!("later: {why}"),
        Shape::Page | Shape::Unlock | Shape::SignIn => state.shows.to_owned(),
    }
}

/// Each picture with its drawing, where there is one.
fn pairs(state: &State, drawings: &Path) -> Vec<(String, Option<PathBuf>)> {
    let drawn = |name: &str| {
        let dress = name.strip_prefix(state.id)?;
        let file = drawings.join(format!("{}{dress}.png", state.drawing));
        (!state.drawing.is_empty() && file.is_file()).then_some(file)
    };
    state.pictures().into_iter().map(|name| (name.clone(), drawn(&name))).collect()
}

fn montage(stage: &Stage, drawings: &Path, theme: &str, width: u32) {
    let end = format!("-{theme}-{width}");
    let all = STATES.iter().flat_map(|state| pairs(state, drawings));
    let mut tiles = Vec::new();
    for (name, drawing) in all.filter(|(name, _)| name.ends_with(&end) && picture(name).is_file()) {
        tiles.extend(["-label".to_owned(), name.clone(), picture(&name).display().to_string()]);
        tiles.extend(
            drawing
                .map(|file| ["-label".to_owned(), "drawn".to_owned(), file.display().to_string()])
                .into_iter()
                .flatten(),
        );
    }
    let file = pictures().join(format!("sheet{end}.png"));
    if tiles.is_empty() {
        return;
    }
    let style = ["-tile", "8x", "-font", FONT, "-geometry", "480x>+6+6", "-background", "#777"];
    let tiles: Vec<&str> = tiles.iter().map(String::as_str).collect();
    let _ = fs::remove_file(&file);
    let file = file.display().to_string();
    stage.run("montage", &[&tiles[..], &style[..], &[file.as_str()]].concat());
}
