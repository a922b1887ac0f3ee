//! What a person sees and does at the screen: windows found by their titles, real key presses and
//! clicks through the X server, the clipboard as another program reads it, pictures.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use x11rb::protocol::xproto::{ClientMessageEvent, ConnectionExt as _, EventMask};
use x11rb::wrapper::ConnectionExt as _;

use crate::stage::{Stage, until};

impl Stage {
    /// The window whose title has `title` in it, once it is shown.
    pub fn window(&self, title: &str) -> String {
        until(&format!("a window called {title}"), || self.window_now(title))
    }

    /// The same, without waiting.
    pub fn window_now(&self, title: &str) -> Option<String> {
        let found = self.try_run("xdotool", &["search", "--onlyvisible", "--name", title]);
        let ids = String::from_utf8_lossy(&found.stdout).into_owned();
        ids.lines().last().map(str::to_owned)
    }

    /// Waits until no window has `title` in its title.
    pub fn window_gone(&self, title: &str) {
        until(&format!("the end of {title}"), || self.window_now(title).is_none().then_some(()));
    }

    /// The title of a window, as it is now.
    pub fn title(&self, window: &str) -> String {
        self.run("xdotool", &["getwindowname", window]).trim().to_owned()
    }

    /// Gives a window the keyboard. There is no window manager on this desktop.
    pub fn focus(&self, window: &str) {
        self.run("xdotool", &["windowraise", window]);
        self.run("xdotool", &["windowfocus", "--sync", window]);
    }

    /// Presses keys, by their X names.
    pub fn keys(&self, keys: &[&str]) {
        for key in keys {
            self.run("xdotool", &["key", "--clearmodifiers", key]);
        }
    }

    /// Types a text into whatever has the keyboard.
    pub fn types(&self, text: &str) {
        self.run("xdotool", &["type", "--clearmodifiers", "--delay", "8", text]);
    }

    /// Takes the pointer to a corner of a window where nothing is.
    pub fn park_pointer(&self, window: &str) {
        self.run("xdotool", &["mousemove", "--window", window, "3", "3"]);
        self.run("xdotool", &["mousemove", "--window", window, "2", "2"]);
    }

    /// Asks a window to close, as a press on its title bar's cross does.
    pub fn close(&self, window: &str) {
        let (bus, _) = x11rb::connect(Some(self.display())).expect("the display");
        let atom = |name: &str| {
            let asked = bus.intern_atom(false, name.as_bytes()).expect("it is asked");
            asked.reply().expect("an atom").atom
        };
        let window = window.parse().expect("a window's number");
        let data = [atom("WM_DELETE_WINDOW"), x11rb::CURRENT_TIME, 0, 0, 0];
        let event = ClientMessageEvent::new(32, window, atom("WM_PROTOCOLS"), data);
        bus.send_event(false, window, EventMask::NO_EVENT, event).expect("it is sent");
        // The X server drops what a client said last when it hangs up at once.
        bus.sync().expect("it has arrived");
    }

    /// Clicks at a place of a window.
    pub fn click_at(&self, window: &str, x: i32, y: i32) {
        let (x, y) = (x.to_string(), y.to_string());
        self.run("xdotool", &["mousemove", "--window", window, &x, &y, "click", "1"]);
    }

    /// What another program gets from the clipboard in a form; `None` when it is not offered.
    pub fn clipboard(&self, form: &str) -> Option<String> {
        let output = self.try_run("xclip", &["-selection", "clipboard", "-o", "-t", form]);
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// The forms in which the clipboard's content is offered.
    pub fn clipboard_forms(&self) -> String {
        self.clipboard("TARGETS").unwrap_or_default()
    }

    /// Another program puts a text on the clipboard.
    pub fn copy_elsewhere(&self, text: &str) {
        let mut xclip = self
            .command("xclip")
            .args(["-selection", "clipboard", "-in"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("xclip starts");
        let mut stdin = xclip.stdin.take().expect("a pipe");
        stdin.write_all(text.as_bytes()).expect("it listens");
        drop(stdin);
        assert!(xclip.wait().expect("it goes into the background").success(), "xclip");
    }

    /// Waits until something is drawn in a window below `top`: a page that was asked for is not
    /// there yet, and what is typed before goes nowhere.
    pub fn drawn(&self, window: &str, top: u32) {
        let file = format!("{}/drawn.png", self.home());
        let part = format!("{file}[400x200+0+{top}]");
        until("something drawn", || {
            self.run("import", &["-window", window, &file]);
            let colours = self.run("identify", &["-format", "%k", &part]);
            (colours.trim().parse::<u32>().unwrap_or(0) > 8).then_some(())
        });
    }

    /// Whether a window says something in the colour of warnings.
    pub fn warns(&self, window: &str) -> bool {
        let file = format!("{}/warns.png", self.home());
        self.run("import", &["-window", window, &file]);
        let red = "(r>0.55&&g<0.3&&b<0.3)?1:0";
        let share = ["-fx", red, "-format", "%[fx:mean>0.0005]", "info:"];
        self.run("convert", &[&[file.as_str()], &share[..]].concat()).trim() == "1"
    }

    /// A picture of one window.
    pub fn picture(&self, window: &str, file: &Path) {
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder for pictures");
        self.run("import", &["-window", window, &file.display().to_string()]);
    }
}
