"""AutoTune's side of the `t9k` package: `t9k.tuner` and `t9k.tuner.keras`.

Another `t9k` may be installed on the same machine. This one goes first and lends its name to the
other's modules, so `import t9k.something_else` still finds them.
"""

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)
