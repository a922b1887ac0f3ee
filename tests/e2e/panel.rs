//! A panel that shows tray icons: owns `org.kde.StatusNotifierWatcher`, is told of items, and reads
//! and presses their menus over `com.canonical.dbusmenu`, as the panels of KDE, Xfce and LXQt do.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use zbus::blocking::{Connection, Proxy, connection};
use zbus::zvariant::{OwnedValue, Structure, Value};

use crate::stage::{Stage, until};

/// Bus name of whoever registered, and the path of its item.
type Items = Arc<Mutex<Vec<(String, String)>>>;

/// The panel; gone with its guard.
pub struct Panel {
    bus: Connection,
    items: Items,
}

struct Watcher(Items);

#[zbus::interface(name = "org.kde.StatusNotifierWatcher")]
impl Watcher {
    fn register_status_notifier_item(
        &mut self,
        service: &str,
        #[zbus(header)] header: zbus::message::Header<'_>,
    ) {
        let sender = header.sender().map(ToString::to_string).unwrap_or_default();
        // A path of the sender's (libayatana-appindicator), or a name with the usual path.
        let item = match service.strip_prefix('/') {
            Some(_) => (sender, service.to_owned()),
            None => (service.to_owned(), "/StatusNotifierItem".to_owned()),
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(item);
    }

    #[allow(clippy::unused_self, reason = "the interface has it; this panel is the only host")]
    fn register_status_notifier_host(&self, service: &str) {
        drop(service.to_owned());
    }

    #[allow(clippy::unused_self, reason = "the interface has it")]
    #[zbus(property)]
    fn is_status_notifier_host_registered(&self) -> bool {
        true
    }

    #[allow(clippy::unused_self, reason = "the interface has it")]
    #[zbus(property)]
    fn protocol_version(&self) -> i32 {
        0
    }

    #[zbus(property)]
    fn registered_status_notifier_items(&self) -> Vec<String> {
        let items = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        items.iter().map(|(name, path)| format!("{name}{path}")).collect()
    }
}

/// One line of a menu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its number, for pressing it.
    pub id: i32,
    /// Its words; empty: a rule.
    pub words: String,
    /// Whether it can be pressed.
    pub is_verb: bool,
    /// The menu behind it.
    pub inner: Vec<Line>,
}

impl Panel {
    /// Shows tray icons on a desktop.
    pub fn new(stage: &Stage) -> Self {
        let items = Items::default();
        let bus = connection::Builder::address(stage.bus().as_str())
            .and_then(|b| b.serve_at("/StatusNotifierWatcher", Watcher(Arc::clone(&items))))
            .and_then(|b| b.name("org.kde.StatusNotifierWatcher"))
            .and_then(connection::Builder::build)
            .expect("a panel on the bus");
        Self { bus, items }
    }

    /// The menu of the one icon.
    pub fn menu(&self) -> Vec<Line> {
        let asked = (0_i32, -1_i32, Vec::<String>::new());
        let layout: (u32, OwnedLine) = self.dbusmenu().call("GetLayout", &asked).expect("a layout");
        layout.1.2.iter().filter_map(|child| line(child)).collect()
    }

    /// Presses a line.
    pub fn press(&self, id: i32) {
        let event = (id, "clicked", Value::from(0_i32), 0_u32);
        let () = self.dbusmenu().call("Event", &event).expect("it is pressed");
    }

    fn first(&self) -> (String, String) {
        until("an icon in the tray", || {
            self.items.lock().unwrap_or_else(PoisonError::into_inner).first().cloned()
        })
    }

    fn item(&self) -> Proxy<'static> {
        let (name, path) = self.first();
        Proxy::new(&self.bus, name, path, "org.kde.StatusNotifierItem").expect("the icon")
    }

    fn dbusmenu(&self) -> Proxy<'static> {
        let (name, _) = self.first();
        let menu: zbus::zvariant::OwnedObjectPath = self
            .item()
            .get_property::<OwnedValue>("Menu")
            .expect("it has a menu")
            .try_into()
            .expect("a path");
        Proxy::new(&self.bus, name, menu, "com.canonical.dbusmenu").expect("the menu")
    }
}

/// A line as it comes: its number, its properties, its own lines.
type OwnedLine = (i32, HashMap<String, OwnedValue>, Vec<OwnedValue>);

fn line(value: &Value<'_>) -> Option<Line> {
    let Value::Structure(structure) = value else { return None };
    read(structure)
}

fn read(structure: &Structure<'_>) -> Option<Line> {
    let [Value::I32(id), Value::Dict(properties), Value::Array(children)] = structure.fields()
    else {
        return None;
    };
    let word = |name: &str| properties.get::<&str, String>(&name).ok().flatten();
    let is_on = properties.get::<&str, bool>(&"enabled").ok().flatten().unwrap_or(true);
    let inner = children.iter().filter_map(|child| {
        let child = if let Value::Value(held) = child { held } else { child };
        line(child)
    });
    // GTK marks the key to press in each word with an underscore.
    let words = word("label").unwrap_or_default().replace("__", "\u{0}").replace('_', "");
    let words = words.replace('\u{0}', "_");
    let is_rule = word("type").as_deref() == Some("separator");
    Some(Line {
        id: *id,
        words: if is_rule { String::new() } else { words },
        is_verb: is_on && !is_rule,
        inner: inner.collect(),
    })
}
