"""llama.cpp through llama-cpp-python's low-level interface: the engine for GGUF files."""

from paddock.backends.base import EngineDescriptor
from paddock.sdk.llamacpp_load import LOAD
from paddock.sdk.llamacpp_sampling import SAMPLING

DESCRIPTOR = EngineDescriptor(
    name="llamacpp",
    title="llama.cpp",
    factory="paddock.backends.llamacpp.engine:LlamaCppEngine",
    probe="paddock.backends.llamacpp.probe:probe",
    suffixes=(".gguf",),
    sampling=SAMPLING,
    load=LOAD,
    simulate="paddock.backends.llamacpp.simulate:simulate",
    quantize="paddock.backends.llamacpp.quantize:quantize",
    grammar=True,
)
