"""WaveWare: pages handed to its encoders in their own protocol."""

from drivers.waveware.driver import WaveWareDriver
from drivers.waveware.settings import WaveWareSettings

DRIVER = WaveWareDriver
SETTINGS = WaveWareSettings
