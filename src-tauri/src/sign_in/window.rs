//! The sign-in window on screen: a native strip that names the origin, and the page below it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use gtk::glib::{self, ControlFlow, Propagation, TimeSpan};
use gtk::prelude::*;
use url::Url;
use webkit2gtk::gio::Cancellable;
use webkit2gtk::{
    CookieManagerExt, DownloadExt, FileChooserRequestExt, NavigationPolicyDecision,
    NavigationPolicyDecisionExt, PermissionRequestExt, PolicyDecision, PolicyDecisionExt,
    PolicyDecisionType, ResponsePolicyDecision, ResponsePolicyDecisionExt, SettingsExt,
    URIRequestExt, WebContext, WebContextExt, WebView, WebViewExt, WebsiteDataManager,
    WebsiteDataManagerExt, WebsiteDataManagerExtManual, WebsiteDataTypes,
};
use zeroize::Zeroizing;

use super::Ending;
use super::policy::{Policy, Shown, Verdict, is_session};
use crate::words;
use wayleave_core::api::Theme;
use wayleave_core::secret::Disclosed;

/// Seconds in a minute, as the strip counts them.
const MINUTE: u32 = 60;

/// What the callbacks of the window share. GTK runs them all on one thread.
struct Sign {
    policy: RefCell<Policy>,
    ending: RefCell<Ending>,
    done: Cell<bool>,
    left: Cell<u32>,
}

struct Strip {
    bar: gtk::Box,
    icon: gtk::Image,
    origin: gtk::Label,
    tag: gtk::Label,
    words: gtk::Label,
    time: gtk::Label,
    cancel: gtk::Button,
}

/// Runs the window to its end. GTK must be initialised.
pub fn show(policy: Policy, start: &Url, seconds: u32, theme: Theme) -> Ending {
    dress(theme);
    let sign = Rc::new(Sign {
        policy: RefCell::new(policy),
        ending: RefCell::new(Ending::Cancelled),
        done: Cell::new(false),
        left: Cell::new(seconds),
    });
    let view = make_view(&sign);
    let strip = Rc::new(make_strip());
    let window = make_window(&view, &strip);
    follow_page(&sign, &view, &strip, &window);
    count_down(&sign, &strip);
    strip.cancel.connect_clicked(|_| gtk::main_quit());
    window.connect_delete_event(|_, _| {
        gtk::main_quit();
        Propagation::Stop
    });
    view.load_uri(start.as_str());
    window.show_all();
    view.grab_focus();
    gtk::main();
    window.hide();
    sign.ending.replace(Ending::Cancelled)
}

/// The look of the strip, in the desktop's own colours: the address as a field, what it is as a tag.
const LOOK: &str = "
    .origin { background-color: @theme_base_color; border: 1px solid alpha(@theme_fg_color, .16);
              border-radius: 6px; }
    .tag { background-color: alpha(@theme_fg_color, .09); border-radius: 4px; padding: 1px 6px;
           font-size: 11px; }
    .hint { font-size: 12px; color: alpha(@theme_fg_color, .82); }
";

/// Follows the setting; `System` leaves it to the desktop.
fn dress(theme: Theme) {
    if let Some(settings) = gtk::Settings::default().filter(|_| theme != Theme::System) {
        settings.set_gtk_application_prefer_dark_theme(theme == Theme::Dark);
    }
    let look = gtk::CssProvider::new();
    // Without it the strip is plain and says the same.
    let _ = look.load_from_data(LOOK.as_bytes());
    if let Some(screen) = gtk::gdk::Screen::default() {
        let above = gtk::STYLE_PROVIDER_PRIORITY_APPLICATION;
        gtk::StyleContext::add_provider_for_screen(&screen, &look, above);
    }
}

fn make_window(view: &WebView, strip: &Strip) -> gtk::Window {
    let window = gtk::Window::new(gtk::WindowType::Toplevel);
    window.set_title(words::SIGN_IN_TITLE);
    window.set_default_size(960, 640);
    window.set_icon_name(Some("wayleave-desktop"));
    let rows = gtk::Box::new(gtk::Orientation::Vertical, 0);
    rows.pack_start(&strip.bar, false, false, 0);
    rows.pack_start(&gtk::Separator::new(gtk::Orientation::Horizontal), false, false, 0);
    rows.pack_start(view, true, true, 0);
    window.add(&rows);
    window
}

fn make_strip() -> Strip {
    let bar = gtk::Box::new(gtk::Orientation::Vertical, 8);
    bar.set_margin(8);
    let above = gtk::Box::new(gtk::Orientation::Horizontal, 8);
    let label = || gtk::Label::builder().xalign(0.0).build();
    let (origin, tag, words, time) = (label(), label(), label(), label());
    // A long host is cut at its start: its end says whose it is.
    origin.set_ellipsize(gtk::pango::EllipsizeMode::Start);
    words.set_line_wrap(true);
    words.set_text(words::SIGN_IN_HINT);
    let cancel = gtk::Button::with_label(words::CANCEL);
    cancel.set_relief(gtk::ReliefStyle::None);
    tag.style_context().add_class("tag");
    words.style_context().add_class("hint");
    time.style_context().add_class("hint");
    let icon = gtk::Image::new();
    above.pack_start(&framed(&icon, &origin, &tag), true, true, 0);
    above.pack_end(&cancel, false, false, 0);
    let below = gtk::Box::new(gtk::Orientation::Horizontal, 16);
    below.pack_start(&words, true, true, 8);
    below.pack_end(&time, false, false, 8);
    bar.pack_start(&above, false, false, 0);
    bar.pack_start(&below, false, false, 0);
    Strip { bar, icon, origin, tag, words, time, cancel }
}

/// The origin and what it is, as an address bar has them.
fn framed(icon: &gtk::Image, origin: &gtk::Label, tag: &gtk::Label) -> gtk::Frame {
    let row = gtk::Box::new(gtk::Orientation::Horizontal, 8);
    row.set_margin(6);
    row.pack_start(icon, false, false, 4);
    row.pack_start(origin, true, true, 0);
    row.pack_end(tag, false, false, 4);
    let frame = gtk::Frame::new(None);
    frame.set_shadow_type(gtk::ShadowType::None);
    frame.style_context().add_class("origin");
    frame.add(&row);
    frame
}

/// A view with a store in memory only, that asks for nothing and opens nothing.
fn make_view(sign: &Rc<Sign>) -> WebView {
    let context = WebContext::new_ephemeral();
    context.connect_download_started(|_, download| download.cancel());
    let view = WebView::with_context(&context);
    if let Some(settings) = WebViewExt::settings(&view) {
        settings.set_enable_developer_extras(false);
        settings.set_javascript_can_open_windows_automatically(false);
        settings.set_enable_page_cache(false);
        settings.set_enable_media_stream(false);
    }
    view.connect_permission_request(|_, request| {
        request.deny();
        true
    });
    view.connect_run_file_chooser(|_, request| {
        request.cancel();
        true
    });
    view.connect_create(|_, _| None);
    view.connect_context_menu(|_, _, _, _| true);
    view.connect_enter_fullscreen(|_| true);
    view.connect_print(|_, _| true);
    view.connect_show_notification(|_, _| true);
    let sign = Rc::clone(sign);
    view.connect_decide_policy(move |view, decision, kind| decide(&sign, view, decision, kind));
    view
}

/// `true`: decided here.
fn decide(
    sign: &Rc<Sign>,
    view: &WebView,
    decision: &PolicyDecision,
    kind: PolicyDecisionType,
) -> bool {
    let refused = match kind {
        PolicyDecisionType::NavigationAction => match judge(sign, decision) {
            Verdict::Show => false,
            Verdict::Refuse => true,
            Verdict::Return => {
                take_cookies(sign, view);
                true
            }
        },
        PolicyDecisionType::Response => !decision
            .downcast_ref::<ResponsePolicyDecision>()
            .is_some_and(ResponsePolicyDecisionExt::is_mime_type_supported),
        PolicyDecisionType::NewWindowAction | _ => true,
    };
    if refused {
        decision.ignore();
    }
    refused
}

fn judge(sign: &Sign, decision: &PolicyDecision) -> Verdict {
    let address = decision
        .downcast_ref::<NavigationPolicyDecision>()
        .and_then(NavigationPolicyDecisionExt::navigation_action)
        .and_then(|action| action.request())
        .and_then(|request| request.uri());
    match address {
        Some(address) if !sign.done.get() => sign.policy.borrow_mut().judge(&address),
        _ => Verdict::Refuse,
    }
}

/// Reads the hub's session, empties the store, and ends the window.
fn take_cookies(sign: &Rc<Sign>, view: &WebView) {
    sign.done.set(true);
    view.stop_loading();
    let Some(store) = view.website_data_manager() else { return gtk::main_quit() };
    let Some(jar) = store.cookie_manager() else { return gtk::main_quit() };
    let hub = sign.policy.borrow().hub();
    let sign = Rc::clone(sign);
    // The callback runs on this thread; WebKit's binding wants `Send` all the same.
    let sign = glib::thread_guard::ThreadGuard::new((sign, store));
    jar.cookies(&hub, Cancellable::NONE, move |cookies| {
        let (sign, store) = sign.into_inner();
        let header = session_header(cookies.unwrap_or_default());
        sign.ending.replace(Ending::Cookies(header));
        clear(&store);
    });
}

/// `name=value; name=value` of the session's parts.
fn session_header(cookies: Vec<soup::Cookie>) -> Disclosed {
    let mut header = Zeroizing::new(String::new());
    for mut cookie in cookies {
        let (Some(name), Some(value)) = (cookie.name(), cookie.value()) else { continue };
        if is_session(&name) {
            let joint = if header.is_empty() { "" } else { "; " };
            header.push_str(joint);
            header.push_str(&name);
            header.push('=');
            header.push_str(&value);
        }
    }
    Disclosed::from_bytes(std::mem::take(&mut *header).into_bytes())
}

fn clear(store: &WebsiteDataManager) {
    store.clear(WebsiteDataTypes::ALL, TimeSpan(0), Cancellable::NONE, |_| gtk::main_quit());
}

fn follow_page(sign: &Rc<Sign>, view: &WebView, strip: &Rc<Strip>, window: &gtk::Window) {
    let (sign, strip, window) = (Rc::clone(sign), Rc::clone(strip), window.clone());
    view.connect_uri_notify(move |view| {
        let shown = view.uri().and_then(|uri| sign.policy.borrow().shown(&uri));
        if let Some(shown) = shown {
            name_page(&strip, &window, &shown);
        }
    });
}

fn name_page(strip: &Strip, window: &gtk::Window, shown: &Shown) {
    let Shown { scheme, host, is_hub, refuses_us } = shown;
    window.set_title(&words::sign_in_title(host));
    // Plain http is shown for this computer only, where there is nothing to eavesdrop on.
    let is_sealed = scheme == "https://";
    let icon = if is_sealed { "channel-secure-symbolic" } else { "computer-symbolic" };
    strip.icon.set_from_icon_name(Some(icon), gtk::IconSize::Menu);
    strip.origin.set_markup(&format!(
        "<span alpha=\"65%\">{scheme}</span><b>{}</b>",
        glib::markup_escape_text(host)
    ));
    strip.tag.set_text(if *is_hub { words::THE_HUB } else { words::ANOTHER_SITE });
    strip.words.set_text(if *refuses_us { words::LOG_IN_REFUSES } else { words::SIGN_IN_HINT });
}

fn count_down(sign: &Rc<Sign>, strip: &Rc<Strip>) {
    let (sign, strip) = (Rc::clone(sign), Rc::clone(strip));
    let tell = move |strip: &Strip, left: u32| {
        strip.time.set_text(&words::time_left(left.div_ceil(MINUTE)));
    };
    tell(&strip, sign.left.get());
    glib::timeout_add_seconds_local(1, move || {
        let left = sign.left.get().saturating_sub(1);
        sign.left.set(left);
        tell(&strip, left);
        if left == 0 && !sign.done.get() {
            gtk::main_quit();
            return ControlFlow::Break;
        }
        ControlFlow::Continue
    });
}
