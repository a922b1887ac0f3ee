# Puts one Wayleave credential into QGIS. Written by Wayleave, which writes it anew before each use; holds no secret.
# Runs inside QGIS 3.22 and newer (Qt 5 and 6), by `qgis --code FILE` or by one line in the Python Console.
#
# It exchanges a one-time ticket for the key with Wayleave's own program and stores, through QGIS' authentication manager:
#   1. the EODH plugin's sign-in, under the id that the plugin already uses, so that a renewal stays the same sign-in;
#   2. an API Header for the workspace, under an id that does not change, for map layers (QGIS 3.24 and newer).
# QGIS asks for its master password where it needs one. Nothing secret reaches a file, the console's history or a global.


def _wayleave_apply(program, ticket_file, environment):
    import hashlib
    import json
    import os
    import subprocess

    from qgis.core import Qgis, QgsApplication, QgsAuthMethodConfig
    from qgis.PyQt.QtCore import QSettings

    plugin_id = "eodhplg"
    first_with_api_header = 32400

    class Stop(Exception):
        """Ends the work with words for the user."""

    def authentication():
        manager = QgsApplication.authManager()
        if manager.isDisabled():
            raise Stop("QGIS' authentication system is switched off: " + manager.disabledMessage())
        # Asked for before the ticket is spent, so that a cancelled dialog costs nothing.
        if not manager.setMasterPassword(True):
            raise Stop("QGIS' master password was not given. Nothing was changed; run this again within five minutes.")
        return manager

    def take_ticket():
        try:
            with open(ticket_file, "rb") as file:
                ticket = file.read()
            os.remove(ticket_file)
        except OSError:
            raise Stop("This was used already. Press the button in Wayleave again.") from None
        return ticket

    def redeem(ticket):
        try:
            done = subprocess.run(
                [program, "qgis", "credentials", "--ticket-stdin", "--json"],
                input=ticket, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30,
                env=dict(os.environ, **environment),
            )
        except OSError:
            raise Stop("Wayleave's program was not found at " + program + ".") from None
        except subprocess.TimeoutExpired:
            raise Stop("Wayleave did not answer. Press the button in Wayleave again.") from None
        if done.returncode != 0:
            raise Stop(refusal(done.stderr))
        try:
            return json.loads(done.stdout.decode("utf-8"))
        except ValueError:
            raise Stop("Wayleave's answer was not understood.") from None

    def refusal(stderr):
        try:
            error = json.loads(stderr.decode("utf-8"))["error"]
            return " ".join(part for part in (error.get("message"), error.get("advice")) if part)
        except (ValueError, KeyError, TypeError, AttributeError):
            return "Wayleave refused. Press the button in Wayleave again."

    def upsert(manager, identifier, name, method, uri, values):
        """Stores a configuration under `identifier`; an existing one keeps its name and its other values."""
        config = QgsAuthMethodConfig()
        exists = identifier in manager.configIds()
        if exists:
            loaded = manager.loadAuthenticationConfig(identifier, config, True)
            if isinstance(loaded, tuple):
                loaded, config = loaded
            exists = bool(loaded)
        if not exists or config.method() != method:
            config = QgsAuthMethodConfig()
        config.setId(identifier)
        config.setName(config.name() or name)
        config.setMethod(method)
        config.setVersion(2)
        config.setUri(uri)
        for key, value in values.items():
            config.setConfig(key, value)
        if identifier in manager.configIds():
            stored = manager.updateAuthenticationConfig(config)
        else:
            stored = manager.storeAuthenticationConfig(config)
        if isinstance(stored, tuple):
            stored = stored[0]
        if not stored:
            raise Stop("QGIS did not store the configuration \"" + name + "\".")
        manager.clearCachedConfig(identifier)

    def workspace_id(hub, workspace):
        digest = hashlib.sha256((hub + "\n" + workspace).encode("utf-8")).hexdigest()
        return "wl" + digest[:5]

    def sign_plugin_in(manager, answer):
        settings = QSettings()
        identifier = str(settings.value("/eodh/auth_config") or "") or plugin_id
        values = {"username": answer["username"], "token": answer["api_key"]}
        upsert(manager, identifier, "eodh_plugin", "Basic", "", values)
        settings.setValue("/eodh/auth_config", identifier)
        if answer.get("environment"):
            settings.setValue("/eodh/env", answer["environment"])
        settings.sync()

    def add_header(manager, answer):
        """Returns what to tell about map layers."""
        if Qgis.QGIS_VERSION_INT < first_with_api_header or "APIHeader" not in manager.authMethodsKeys():
            return "Map layers with an API Header need QGIS 3.24 or newer."
        name = "EODH " + answer["workspace"]
        values = {"Authorization": "Bearer " + answer["api_key"]}
        upsert(manager, workspace_id(answer["hub"], answer["workspace"]), name, "APIHeader", answer["hub"], values)
        return "For map layers choose the authentication \"" + name + "\"."

    def level(name):
        return getattr(getattr(Qgis, "MessageLevel", Qgis), name, None) or getattr(Qgis, name)

    def tell(text, name):
        try:
            from qgis.utils import iface
        except ImportError:
            iface = None
        if iface is None:
            print("Wayleave: " + text)
        else:
            iface.messageBar().pushMessage("Wayleave", text, level(name), 0)

    try:
        manager = authentication()
        answer = redeem(take_ticket())
        sign_plugin_in(manager, answer)
        layers = add_header(manager, answer)
        tell("The EODH plugin is signed in as " + answer["username"] + ", workspace " + answer["workspace"] + ". " + layers, "Success")
    except Stop as stop:
        tell(str(stop), "Critical")
    except Exception as problem:  # A trace would keep the key reachable as sys.last_traceback.
        tell("This QGIS could not be told: " + type(problem).__name__ + ".", "Critical")


_wayleave_apply(@PROGRAM@, @TICKET@, @ENVIRONMENT@)
del _wayleave_apply
