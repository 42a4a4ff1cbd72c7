"""The command layer of Hayes modems (ITU-T V.250), without any input or output: what every driver of a modem shares.

`scanner` cuts bytes into lines, `results` knows how commands end, `channel` has one command outstanding and sorts what
comes back, `script` describes dialogues as generators, `runner` runs them. `dialling` makes and takes telephone calls
(`calls` are its words), `incall` runs a protocol over them. `simulated` is a telephone modem, `network` what simulated
ones are connected to.
"""
