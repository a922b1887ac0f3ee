"""Runs in PyQGIS, without a window: prepares a profile, or reads it the way the EODH plugin does.

A task comes as JSON on stdin (it holds passwords), the answer goes to the file named by the only argument.
"""
import json
import os
import sys

from qgis.core import Qgis, QgsApplication, QgsAuthMethodConfig, QgsRasterLayer
from qgis.PyQt.QtCore import QCoreApplication, QSettings


def start(profile):
    """QGIS on a profile, with the plain QSettings that the plugin uses."""
    QCoreApplication.setOrganizationName("QGIS")
    QCoreApplication.setApplicationName("QGIS3")
    QSettings.setDefaultFormat(QSettings.IniFormat)
    QSettings.setPath(QSettings.IniFormat, QSettings.UserScope, profile)
    prefix = os.environ["QGIS_PREFIX_PATH"]
    application = QgsApplication([], False, profile)
    QgsApplication.setPluginPath(prefix + "/lib/qgis/plugins")
    QgsApplication.initQgis()
    return application


def prepare(manager, task):
    """A profile that was used before: a master password, other configurations, perhaps the plugin's own."""
    for identifier, name, values in task["configurations"]:
        config = QgsAuthMethodConfig("Basic")
        config.setId(identifier)
        config.setName(name)
        for key, value in values.items():
            config.setConfig(key, value)
        if not manager.storeAuthenticationConfig(config):
            raise RuntimeError("could not prepare " + name)
    if task["plugin_id"]:
        QSettings().setValue("/eodh/auth_config", task["plugin_id"])
    QSettings().sync()
    return {}


def values_of(manager, identifier):
    config = QgsAuthMethodConfig()
    loaded = manager.loadAuthenticationConfig(identifier, config, True)
    if isinstance(loaded, tuple):
        loaded, config = loaded
    return config.configMap() if loaded else None


def read(manager, task):
    """The plugin's `get_creds()`, and what else lies in the database."""
    identifier = QSettings().value("/eodh/auth_config")
    creds = values_of(manager, identifier) if identifier else None
    configs = {key: {"name": value.name(), "method": value.method(), "uri": value.uri(), "values": values_of(manager, key)}
               for key, value in manager.availableAuthMethodConfigs().items()}
    return {"id": identifier, "env": QSettings().value("/eodh/env"), "plugin": creds, "configs": configs,
            "version": Qgis.QGIS_VERSION}


def tile(_, task):
    """Opens an XYZ layer, with or without a configuration, and fetches its first tile."""
    url = task["url"].replace("{", "%7B").replace("}", "%7D")
    authentication = "&authcfg=" + task["authcfg"] if task["authcfg"] else ""
    layer = QgsRasterLayer("type=xyz&zmin=0&zmax=3&url=" + url + authentication, "tiles", "wms")
    block = layer.dataProvider().block(1, layer.extent(), 256, 256)
    return {"valid": layer.isValid(), "drawn": any(bytes(block.data()))}


def main():
    task = json.load(sys.stdin)
    application = start(task["profile"])  # kept until the end: QGIS lives in it
    manager = QgsApplication.authManager()
    if not manager.setMasterPassword(task["password"], True):
        raise RuntimeError("the master password does not open this profile")
    answer = {"prepare": prepare, "read": read, "tile": tile}[task["do"]](manager, task)
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump(answer, file)
    # Leaving without QGIS' own end: PyQGIS crashes there in some versions, after all is written.
    sys.stdout.flush()
    os._exit(0 if application else 1)


if __name__ == "__main__":
    main()
