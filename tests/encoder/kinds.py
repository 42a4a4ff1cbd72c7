"""Every kind of encoder that there is."""

from __future__ import annotations

from drivers import comp2, scope, waveware
from drivers.comp2.protocol import sender as comp2_sender
from drivers.comp2.simulator import SimulatedEncoder as Comp2Encoder
from drivers.scope.protocol import sender as scope_sender
from drivers.scope.simulator import SimulatedEncoder as ScopeEncoder
from drivers.waveware.protocol import sender as waveware_sender
from drivers.waveware.simulator import SimulatedEncoder as WaveWareEncoder
from tests.encoder.site import Kind

COMP2 = Kind(
    "comp2",
    comp2.DRIVER,
    comp2.SETTINGS,
    Comp2Encoder,
    comp2_sender,
    address="101",
    numeric="08N10",
    frame=b"\x7f\x7f\x7f101\rFIRE 3\r",
)
SCOPE = Kind(
    "scope",
    scope.DRIVER,
    scope.SETTINGS,
    ScopeEncoder,
    scope_sender,
    address="12300",
    numeric="N12300",
    frame=b"AN0012300AFIRE 3\r",
    line={"dialect": "waveware"},
    good=b"Page Queued Okay\r\n",
    taken="Page Queued Okay",
)
WAVEWARE = Kind(
    "waveware",
    waveware.DRIVER,
    waveware.SETTINGS,
    WaveWareEncoder,
    waveware_sender,
    address="46180",
    numeric="N,46180",
    frame=b"\x01A,5,46180,\x02FIRE 3\x03\x04",
    good=b"\x01\x06V9.01,01,0,0,00\x04",
    taken="queued by the encoder (1 waiting)",
)
KINDS = (COMP2, SCOPE, WAVEWARE)
REPLYING = (SCOPE, WAVEWARE)
