#!/usr/bin/python3
"""Uses the window as assistive technology does, over AT-SPI: finds what a screen reader would name, and presses it.

Runs inside the root, as its user. Needs no build feature of the window: this is how the packaged program is driven.
    usage: hands.py press NAME | see NAME | focus NAME     (exit 1 with the names that were there, when in vain)
"""
import sys
import time

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi, GLib  # noqa: E402

PATIENCE = 90
PRESSED = ("push button", "radio button", "toggle button", "link", "check box", "menu item", "list item")


def everything(node, depth=0):
    """All accessible objects below a node; what vanishes meanwhile is left out."""
    try:
        yield node
        count = node.get_child_count() if depth < 60 else 0
        for index in range(count):
            child = node.get_child_at_index(index)
            if child is not None:
                yield from everything(child, depth + 1)
    except GLib.Error:
        return


def said(node):
    try:
        return (node.get_name() or "").strip()
    except GLib.Error:
        return ""


def role(node):
    try:
        return node.get_role_name()
    except GLib.Error:
        return ""


def objects():
    """What all windows hold now."""
    return everything(Atspi.get_desktop(0))


def usable(node):
    states = node.get_state_set()
    return states.contains(Atspi.StateType.SHOWING) and states.contains(Atspi.StateType.ENABLED)


def press(node):
    """Presses as the object's first action does; radio buttons and the like are pressed too."""
    return role(node) in PRESSED and usable(node) and node.get_action_iface() is not None and node.get_action_iface().do_action(0)


def focus(node):
    """Whether the keyboard is there after asking for it."""
    component = node.get_component_iface()
    if component is None or not usable(node) or not node.get_state_set().contains(Atspi.StateType.FOCUSABLE):
        return False
    component.grab_focus()
    time.sleep(0.2)
    node.clear_cache()
    return node.get_state_set().contains(Atspi.StateType.FOCUSED)


DOES = {"press": press, "focus": focus, "see": lambda node: node.get_state_set().contains(Atspi.StateType.SHOWING)}


def once(verb, name):
    """Whether it was done to the first object that says `name`, or begins with it."""
    for node in objects():
        try:
            if said(node).startswith(name) and DOES[verb](node):
                return True
        except GLib.Error:
            continue
    return False


def main():
    verb, name = sys.argv[1:3]
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if once(verb, name):
            return 0
        time.sleep(0.3)
    there = sorted({f"{role(node)}: {said(node)}" for node in objects() if said(node)})
    print(f"in vain: {verb} “{name}”; there is:", *there, sep="\n  ")
    return 1


if __name__ == "__main__":
    sys.exit(main())
