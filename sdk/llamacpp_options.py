"""The options of llama.cpp as data: its own names, ranges and defaults (``common/common.h`` and the schema of
llama-server in the version that Paddock pins).

``SAMPLING`` belongs to one request, ``LOAD`` to one loaded model.
"""

from __future__ import annotations

from paddock.sdk.options import OptionSpec

SAMPLERS = (
    "penalties",
    "dry",
    "top_n_sigma",
    "top_k",
    "typical_p",
    "top_p",
    "min_p",
    "xtc",
    "temperature",
)
"""Names of the samplers in llama.cpp's default order. Logit bias comes before all of them and the choice of a token
(by seed, Mirostat or adaptive-p) after."""

CACHE_TYPES = ("f32", "f16", "bf16", "q8_0", "q4_0", "q4_1", "iq4_nl", "q5_0", "q5_1")
LONGEST_HISTORY = 1_000_000

_RANDOMNESS = "Randomness"
_TRUNCATION = "Truncation"
_REPETITION = "Repetition"
_DRY = "DRY"
_MIROSTAT = "Mirostat"
_ADAPTIVE = "Adaptive-p"
_CHAIN = "Chain"

SAMPLING: tuple[OptionSpec, ...] = (
    OptionSpec(
        name="temperature", kind="float", default=0.8, label="Temperature",
        help="How freely tokens are drawn: 0 always takes the most likely one, higher values vary more.",
        group=_RANDOMNESS, minimum=0.0, maximum=100.0, soft_maximum=2.0, step=0.05, aliases=("temp",),
    ),
    OptionSpec(
        name="dynatemp_range", kind="float", default=0.0, label="Dynamic temperature range",
        help="Lets the temperature move this far up and down with the model’s own uncertainty.",
        group=_RANDOMNESS, minimum=0.0, maximum=100.0, soft_maximum=2.0, step=0.05, off=0.0, advanced=True,
    ),
    OptionSpec(
        name="dynatemp_exponent", kind="float", default=1.0, label="Dynamic temperature exponent",
        help="How the model’s uncertainty maps to the dynamic temperature; 1 is linear.",
        group=_RANDOMNESS, minimum=0.0, maximum=100.0, soft_maximum=5.0, step=0.1, aliases=("dynatemp_exp",),
        advanced=True,
    ),
    OptionSpec(
        name="seed", kind="int", default=-1, label="Seed",
        help="The same seed with the same settings and prompt draws the same answer; -1 takes a new one each time.",
        group=_RANDOMNESS, minimum=-1, maximum=2**32 - 1, soft_maximum=9999, step=1, off=-1,
    ),
    OptionSpec(
        name="top_k", kind="int", default=40, label="Top-k",
        help="Keeps only this many of the most likely tokens; 0 keeps all.",
        group=_TRUNCATION, minimum=0, maximum=1_000_000, soft_maximum=200, step=1, off=0,
    ),
    OptionSpec(
        name="top_p", kind="float", default=0.95, label="Top-p",
        help="Keeps the most likely tokens until their probabilities add up to this; 1 keeps all.",
        group=_TRUNCATION, minimum=0.0, maximum=1.0, step=0.01, off=1.0,
    ),
    OptionSpec(
        name="min_p", kind="float", default=0.05, label="Min-p",
        help="Drops tokens less likely than this share of the most likely one; 0 drops none.",
        group=_TRUNCATION, minimum=0.0, maximum=1.0, step=0.01, off=0.0,
    ),
    OptionSpec(
        name="typical_p", kind="float", default=1.0, label="Typical-p",
        help="Keeps tokens whose surprise is close to the expected one until they add up to this; 1 keeps all.",
        group=_TRUNCATION, minimum=0.0, maximum=1.0, step=0.01, off=1.0, aliases=("typ_p", "typical"), advanced=True,
    ),
    OptionSpec(
        name="top_n_sigma", kind="float", default=-1.0, label="Top-n-sigma",
        help="Keeps tokens whose logit is within this many standard deviations of the highest; -1 keeps all.",
        group=_TRUNCATION, minimum=0.0, maximum=100.0, soft_maximum=5.0, step=0.1, off=-1.0, advanced=True,
    ),
    OptionSpec(
        name="xtc_probability", kind="float", default=0.0, label="XTC probability",
        help="How often the most likely tokens are dropped to make the text less predictable; 0 never.",
        group=_TRUNCATION, minimum=0.0, maximum=1.0, step=0.01, off=0.0, advanced=True,
    ),
    OptionSpec(
        name="xtc_threshold", kind="float", default=0.1, label="XTC threshold",
        help="XTC drops all but the least likely of the tokens above this probability; above 0.5 it does nothing.",
        group=_TRUNCATION, minimum=0.0, maximum=1.0, soft_maximum=0.5, step=0.01, advanced=True,
    ),
    OptionSpec(
        name="min_keep", kind="int", default=0, label="Tokens to keep at least",
        help="Top-p, min-p, typical-p and XTC never leave fewer tokens than this.",
        group=_TRUNCATION, minimum=0, maximum=1_000_000, soft_maximum=100, step=1, off=0, advanced=True,
    ),
    OptionSpec(
        name="repeat_penalty", kind="float", default=1.0, label="Repeat penalty",
        help="Makes tokens that came recently less likely; 1 changes nothing.",
        group=_REPETITION, minimum=0.01, maximum=100.0, soft_maximum=2.0, step=0.01, off=1.0,
        aliases=("penalty_repeat", "repetition_penalty"),
    ),
    OptionSpec(
        name="repeat_last_n", kind="int", default=64, label="Repeat window",
        help="How many of the last tokens the three penalties look at; 0 switches them off.",
        group=_REPETITION, minimum=0, maximum=LONGEST_HISTORY, soft_maximum=2048, step=1, off=0,
        aliases=("penalty_last_n",),
    ),
    OptionSpec(
        name="frequency_penalty", kind="float", default=0.0, label="Frequency penalty",
        help="Lowers a token’s chance each time it came in the repeat window; negative values raise it.",
        group=_REPETITION, minimum=-2.0, maximum=2.0, step=0.05, off=0.0, aliases=("penalty_freq",),
    ),
    OptionSpec(
        name="presence_penalty", kind="float", default=0.0, label="Presence penalty",
        help="Lowers a token’s chance once if it came in the repeat window at all; negative values raise it.",
        group=_REPETITION, minimum=-2.0, maximum=2.0, step=0.05, off=0.0, aliases=("penalty_present",),
    ),
    OptionSpec(
        name="dry_multiplier", kind="float", default=0.0, label="DRY multiplier",
        help="Strength of the penalty against repeating whole passages; 0 switches it off, 0.8 is usual.",
        group=_DRY, minimum=0.0, maximum=100.0, soft_maximum=5.0, step=0.05, off=0.0, advanced=True,
    ),
    OptionSpec(
        name="dry_base", kind="float", default=1.75, label="DRY base",
        help="How fast the DRY penalty grows with every further token of a repetition.",
        group=_DRY, minimum=1.0, maximum=100.0, soft_maximum=4.0, step=0.05, advanced=True,
    ),
    OptionSpec(
        name="dry_allowed_length", kind="int", default=2, label="DRY allowed length",
        help="Repetitions up to this many tokens are not penalised.",
        group=_DRY, minimum=0, maximum=LONGEST_HISTORY, soft_maximum=20, step=1, advanced=True,
    ),
    OptionSpec(
        name="dry_penalty_last_n", kind="int", default=64, label="DRY window",
        help="How many of the last tokens DRY searches for repetitions; 0 switches it off.",
        group=_DRY, minimum=0, maximum=LONGEST_HISTORY, soft_maximum=4096, step=1, off=0, advanced=True,
    ),
    OptionSpec(
        name="dry_sequence_breakers", kind="list", default=["\n", ":", '"', "*"], label="DRY sequence breakers",
        help="Texts at which a repetition ends, so that names and list marks are not penalised.",
        group=_DRY, advanced=True,
    ),
    OptionSpec(
        name="mirostat", kind="int", default=0, label="Mirostat",
        help="Steers towards a steady surprise instead of truncating: 0 off, 1 Mirostat, 2 Mirostat 2.0.",
        group=_MIROSTAT, minimum=0, maximum=2, step=1, off=0, advanced=True,
    ),
    OptionSpec(
        name="mirostat_tau", kind="float", default=5.0, label="Mirostat target entropy",
        help="The surprise that Mirostat aims at; lower is more focused.",
        group=_MIROSTAT, minimum=0.0, maximum=100.0, soft_maximum=10.0, step=0.1, aliases=("mirostat_ent",),
        advanced=True,
    ),
    OptionSpec(
        name="mirostat_eta", kind="float", default=0.1, label="Mirostat learning rate",
        help="How fast Mirostat corrects itself.",
        group=_MIROSTAT, minimum=0.0, maximum=10.0, soft_maximum=1.0, step=0.01, aliases=("mirostat_lr",),
        advanced=True,
    ),
    OptionSpec(
        name="adaptive_target", kind="float", default=-1.0, label="Adaptive-p target",
        help="Prefers tokens near this probability, averaged over the text; -1 switches it off.",
        group=_ADAPTIVE, minimum=0.0, maximum=1.0, step=0.01, off=-1.0, advanced=True,
    ),
    OptionSpec(
        name="adaptive_decay", kind="float", default=0.9, label="Adaptive-p decay",
        help="How long adaptive-p remembers: about 1 / (1 - decay) tokens.",
        group=_ADAPTIVE, minimum=0.0, maximum=0.99, step=0.01, advanced=True,
    ),
    OptionSpec(
        name="samplers", kind="list", default=list(SAMPLERS), label="Sampler order",
        help="Which samplers run, and in which order; Mirostat replaces all of them.",
        group=_CHAIN, choices=SAMPLERS, advanced=True,
    ),
    OptionSpec(
        name="logit_bias", kind="bias", default=None, label="Logit bias",
        help="Adds a number to the logit of tokens, given by id or by text; -100 all but forbids one.",
        group=_CHAIN, advanced=True,
    ),
    OptionSpec(
        name="ignore_eos", kind="bool", default=False, label="Ignore end of turn",
        help="Goes on after the model would end its turn, until the token limit; for measurements.",
        group=_CHAIN, off=False, advanced=True,
    ),
)

_CONTEXT = "Context"
_PROCESSOR = "Processor"
_GPU = "GPU"
_MEMORY = "Memory"
_ROPE = "RoPE"
_MODEL = "Model"

LOAD: tuple[OptionSpec, ...] = (
    OptionSpec(
        name="n_ctx", kind="int", default=None, label="Context length",
        help="Tokens that prompts and answers take together; by default what the model was trained for, up to 8192.",
        group=_CONTEXT, minimum=0, maximum=16_777_216, soft_maximum=131_072, step=256,
        aliases=("ctx_size", "context_length", "context"),
    ),
    OptionSpec(
        name="n_parallel", kind="int", default=8, label="Requests at once",
        help="How many requests are answered side by side; more wait in a queue.",
        group=_CONTEXT, minimum=1, maximum=256, soft_maximum=16, step=1, aliases=("n_seq_max", "parallel"),
    ),
    OptionSpec(
        name="kv_unified", kind="bool", default=True, label="Shared KV cache",
        help="All requests share one context; otherwise each gets an equal, fixed part of it.",
        group=_CONTEXT, advanced=True,
    ),
    OptionSpec(
        name="swa_full", kind="bool", default=False, label="Full sliding-window cache",
        help="Keeps the whole context for sliding-window layers: more memory, but earlier turns are not read again.",
        group=_CONTEXT, advanced=True,
    ),
    OptionSpec(
        name="n_batch", kind="int", default=2048, label="Batch size",
        help="Most tokens handed to the engine in one call.",
        group=_PROCESSOR, minimum=32, maximum=65_536, soft_maximum=8192, step=32, aliases=("batch_size",),
        advanced=True,
    ),
    OptionSpec(
        name="n_ubatch", kind="int", default=512, label="Physical batch size",
        help="Most tokens computed at once: larger reads prompts faster and takes more memory.",
        group=_PROCESSOR, minimum=32, maximum=65_536, soft_maximum=4096, step=32, aliases=("ubatch_size",),
        advanced=True,
    ),
    OptionSpec(
        name="n_threads", kind="int", default=None, label="Threads",
        help="Processor threads while writing an answer; by default one per physical core, one for tiny models.",
        group=_PROCESSOR, minimum=1, maximum=512, soft_maximum=64, step=1, aliases=("threads",),
    ),
    OptionSpec(
        name="n_threads_batch", kind="int", default=None, label="Threads for prompts",
        help="Processor threads while reading a prompt; by default as many as for answers.",
        group=_PROCESSOR, minimum=1, maximum=512, soft_maximum=64, step=1, aliases=("threads_batch",), advanced=True,
    ),
    OptionSpec(
        name="n_gpu_layers", kind="int", default=-1, label="Layers on the GPU",
        help="How many layers the GPU holds: -1 all of them, 0 none.",
        group=_GPU, minimum=-1, maximum=10_000, soft_maximum=128, step=1, aliases=("gpu_layers", "ngl"),
    ),
    OptionSpec(
        name="split_mode", kind="choice", default="layer", label="Split over GPUs",
        help="How a model is divided among several GPUs: not at all, by layers, by rows, or by tensors.",
        group=_GPU, choices=("none", "layer", "row", "tensor"), advanced=True,
    ),
    OptionSpec(
        name="main_gpu", kind="int", default=0, label="Main GPU",
        help="Number of the GPU that holds the model when it is not split.",
        group=_GPU, minimum=0, maximum=127, soft_maximum=7, step=1, advanced=True,
    ),
    OptionSpec(
        name="tensor_split", kind="text", default="", label="Shares of the GPUs",
        help="Parts of the model for each GPU, separated by commas, for instance 3,1.",
        group=_GPU, advanced=True,
    ),
    OptionSpec(
        name="offload_kqv", kind="bool", default=True, label="KV cache on the GPU",
        help="Keeps the KV cache and attention on the GPU.",
        group=_GPU, aliases=("kv_offload",), advanced=True,
    ),
    OptionSpec(
        name="op_offload", kind="bool", default=True, label="Help from the GPU",
        help="Lets the GPU compute large operations of layers that stay on the processor.",
        group=_GPU, advanced=True,
    ),
    OptionSpec(
        name="flash_attn", kind="choice", default="auto", label="Flash attention",
        help="A leaner way to compute attention; a quantised V cache needs it.",
        group=_MEMORY, choices=("auto", "on", "off"),
    ),
    OptionSpec(
        name="cache_type_k", kind="choice", default="f16", label="Type of the K cache",
        help="Smaller types save memory and cost some quality.",
        group=_MEMORY, choices=CACHE_TYPES,
    ),
    OptionSpec(
        name="cache_type_v", kind="choice", default="f16", label="Type of the V cache",
        help="Smaller types save memory and cost some quality; quantised ones need flash attention.",
        group=_MEMORY, choices=CACHE_TYPES,
    ),
    OptionSpec(
        name="use_mmap", kind="bool", default=True, label="Map the file",
        help="Reads the weights through the file cache: quick to load, and shared by several programs.",
        group=_MEMORY, aliases=("mmap",),
    ),
    OptionSpec(
        name="use_mlock", kind="bool", default=False, label="Lock in memory",
        help="Keeps the weights in RAM even when other programs want it.",
        group=_MEMORY, aliases=("mlock",),
    ),
    OptionSpec(
        name="repack", kind="bool", default=True, label="Repack weights",
        help="Rearranges weights for the processor while loading: faster, but held outside the file cache.",
        group=_MEMORY, advanced=True,
    ),
    OptionSpec(
        name="rope_scaling", kind="choice", default="auto", label="RoPE scaling",
        help="How positions beyond the trained context are stretched; auto takes the model’s own way.",
        group=_ROPE, choices=("auto", "none", "linear", "yarn", "longrope"), advanced=True,
    ),
    OptionSpec(
        name="rope_freq_base", kind="float", default=0.0, label="RoPE base frequency",
        help="Overrides the model’s RoPE base; 0 takes the model’s.",
        group=_ROPE, minimum=0.0, maximum=1e12, soft_maximum=10_000_000.0, step=1000.0, off=0.0, advanced=True,
    ),
    OptionSpec(
        name="rope_freq_scale", kind="float", default=0.0, label="RoPE frequency scale",
        help="Stretches the context by 1 / scale; 0 takes the model’s.",
        group=_ROPE, minimum=0.0, maximum=100.0, soft_maximum=1.0, step=0.05, off=0.0, advanced=True,
    ),
    OptionSpec(
        name="yarn_ext_factor", kind="float", default=-1.0, label="YaRN extrapolation mix",
        help="0 is full interpolation; -1 takes the model’s.",
        group=_ROPE, minimum=0.0, maximum=100.0, soft_maximum=1.0, step=0.1, off=-1.0, advanced=True,
    ),
    OptionSpec(
        name="yarn_attn_factor", kind="float", default=-1.0, label="YaRN attention factor",
        help="Scales the attention magnitude; -1 takes the model’s.",
        group=_ROPE, minimum=0.0, maximum=100.0, soft_maximum=2.0, step=0.1, off=-1.0, advanced=True,
    ),
    OptionSpec(
        name="yarn_beta_fast", kind="float", default=-1.0, label="YaRN low correction",
        help="Low correction dimension; -1 takes the model’s.",
        group=_ROPE, minimum=0.0, maximum=10_000.0, soft_maximum=64.0, step=1.0, off=-1.0, advanced=True,
    ),
    OptionSpec(
        name="yarn_beta_slow", kind="float", default=-1.0, label="YaRN high correction",
        help="High correction dimension; -1 takes the model’s.",
        group=_ROPE, minimum=0.0, maximum=10_000.0, soft_maximum=8.0, step=0.5, off=-1.0, advanced=True,
    ),
    OptionSpec(
        name="yarn_orig_ctx", kind="int", default=0, label="YaRN original context",
        help="The context the model was trained for before YaRN; 0 takes the model’s.",
        group=_ROPE, minimum=0, maximum=16_777_216, soft_maximum=131_072, step=256, off=0, advanced=True,
    ),
    OptionSpec(
        name="chat_template", kind="text", default="", label="Chat template",
        help="A Jinja template used in place of the model’s own; empty takes the model’s.",
        group=_MODEL, advanced=True,
    ),
    OptionSpec(
        name="check_tensors", kind="bool", default=False, label="Check the weights",
        help="Looks through all weights for invalid numbers while loading.",
        group=_MODEL, advanced=True,
    ),
)
