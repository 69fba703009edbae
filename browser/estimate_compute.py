"""The compute buffer: the worst step's graph, block by block, laid out as ggml's allocator does.

A block is written down as what it takes and gives back, in the order of llama.cpp's ``src/models`` and
``llama-graph.cpp``. Results are float32, ``width`` values for every token of the step. What works in place (norms,
RoPE, additions, activations on a result that nobody else needs) takes nothing; through a view nothing is in place.
"""

from __future__ import annotations

from paddock.browser.architectures import LATENT, PARALLEL
from paddock.browser.estimate_arena import Arena, Block
from paddock.browser.estimate_context import Context
from paddock.browser.estimate_shape import Layer, Shape
from paddock.browser.ggml import TYPE_SIZES

_SETTLED = 3
"""Layers of one kind after which the layout of the buffer repeats itself."""
_NOTHING: Block = (0, 0)
_WITHOUT_ROPE = frozenset({"bloom", "gpt2", "mpt"})


def inputs_bytes(shape: Shape, context: Context, layers: tuple[Layer, ...]) -> int:
    """What a step is given: token vectors, attention masks, cells to write."""
    total = 4 * shape.width * context.tokens * (1 + shape.number("n_deepstack_layers"))
    widest = max((layer.kv_heads * layer.value for layer in shape.layers), default=0)
    for window in (False, True):
        if any(layer.attends and layer.window == window for layer in layers):
            cells = context.window_cells if window else context.cells
            total += (2 if context.flash else 4) * cells * context.tokens
            total += 0 if context.flash else 8 * widest * context.tokens
    return total


def compute_bytes(shape: Shape, context: Context, layers: tuple[Layer, ...], *, output: bool = True) -> int:
    """The compute buffer of the device that holds ``layers``, and the last matrix if ``output``."""
    return _Graph(shape, context).lay_out(layers, output)


class _Graph:
    def __init__(self, shape: Shape, context: Context) -> None:
        self._shape = shape
        self._context = context
        self._arena = Arena()
        self._give = self._arena.give
        self._heads = {layer.key for layer in shape.layers if layer.stored}

    def lay_out(self, layers: tuple[Layer, ...], output: bool) -> int:
        shape, context = self._shape, self._context
        self._arena.take(inputs_bytes(shape, context, layers))
        x = self._new(shape.width * (1 + shape.number("n_deepstack_layers")))
        table = shape.tensors.get("per_layer_token_embd.weight")
        first = self._with_layer_inputs if table else self._layer
        seen: dict[tuple[object, ...], int] = {}
        for layer in layers:
            kind = (layer.heads, layer.key, layer.window, layer.conv, "ffn_gate_inp.weight" in layer.tensors)
            seen[kind] = seen.get(kind, 0) + 1
            if seen[kind] <= _SETTLED:
                x = first(layer, x)
                first = self._mixed_streams if shape.architecture == "gemma3n" else self._layer
        self._give(x)
        if output:
            self._arena.take(4 * shape.width * context.outputs)
            self._arena.take(4 * shape.vocabulary * context.outputs)
        return self._arena.peak

    def _new(self, width: int) -> Block:
        return self._arena.take(4 * width * self._context.tokens)

    def _next(self, width: int, *used: Block) -> Block:
        """A result after which ``used`` are not needed any more."""
        block = self._new(width)
        self._give(*used)
        return block

    # ------------------------------------------------------------ gemma3n, gemma4

    def _with_layer_inputs(self, layer: Layer, x: Block) -> Block:
        """The first layer of a model with inputs per layer: their rows are looked up before, and projected behind."""
        shape = self._shape
        width = shape.tensors["per_layer_token_embd.weight"].shape[0]
        chosen = self._next(width, self._new(width))
        out = self._mixed_streams(layer, None) if shape.architecture == "gemma3n" else self._layer(layer, _NOTHING)
        projected = self._next(width, x)
        normed = self._next(width, projected)
        self._give(chosen)
        self._next(width, normed)
        return out

    def _mixed_streams(self, layer: Layer, x: Block | None) -> Block:
        """A layer of gemma3n, which carries four token vectors; the first layer makes them from one."""
        four = 4 * self._shape.width
        if x is None:
            copies = self._next(3 * self._shape.width, self._new(3 * self._shape.width))
            scaled = self._next(3 * self._shape.width, self._new(3 * self._shape.width), copies)
            x = self._next(four, scaled)
        predicted = self._next(four, self._next(four, self._new(four)), x)
        out = self._layer(layer, _NOTHING)
        return self._next(four, out, predicted)

    # ------------------------------------------------------------ a layer

    def _layer(self, layer: Layer, x: Block) -> Block:
        shape = self._shape
        parallel = shape.architecture in PARALLEL
        normed = "attn_norm.weight" in layer.tensors
        n = self._new(shape.width) if normed else x
        keep = (parallel and "ffn_norm.weight" not in layer.tensors) or not normed
        mixed = self._mixer(layer, n, keep)
        if mixed is None:  # a layer that is nothing but a feed-forward network
            return self._next_layer(self._feed_forward(layer, n), x)
        if parallel:
            if not keep:
                n = self._new(shape.width)
            return self._next_layer(self._ffn(layer, n), x, mixed)
        self._give(x)
        if not _has_ffn(layer):
            return mixed
        own_norm = "ffn_norm.weight" in layer.tensors or (
            "post_attention_norm.weight" in layer.tensors and "post_ffw_norm.weight" not in layer.tensors
        )
        laurel = self._new(shape.width) if "laurel_l.weight" in layer.tensors else None
        n = self._new(shape.width) if own_norm else mixed
        out = self._feed_forward(layer, n, keep=n is mixed)
        return self._next_layer(out, mixed, *([laurel] if laurel else []))

    def _next_layer(self, out: Block, *used: Block) -> Block:
        self._give(*used)
        return out

    def _mixer(self, layer: Layer, n: Block, keep: bool) -> Block | None:
        """Attention, a recurrent layer, or both; None where the layer has neither."""
        tensors = layer.tensors
        out: Block | None = None
        if "time_mix_key.weight" in tensors:
            return self._rwkv(layer, n)
        if layer.conv:
            if "ssm_conv1d_q.weight" in tensors or "attn_qkv.weight" in tensors:
                out = self._delta(layer, n)
            elif "ssm_in.weight" in tensors:
                out = self._mamba(layer, n, keep or layer.attends)
            else:
                out = self._short_conv(n)
        if layer.attends:
            before = out
            attention = self._latent if self._shape.architecture in LATENT and not layer.value else self._attention
            out = attention(layer, n, keep)
            if before:
                self._give(before)
        return out

    # ------------------------------------------------------------ attention

    def _attention(self, layer: Layer, n: Block, keep: bool) -> Block:
        context = self._context
        q, stored = self._projected(layer, n, keep)
        self._give(*stored)
        width = layer.tensors["attn_output.weight"].shape[0]
        out = self._attended(layer, q, width)
        out = self._rotated(out, width, context.type_v, layer.value)
        if "attn_gate.weight" in layer.tensors:
            self._give(self._new(layer.rows("attn_gate")))
        return self._next(self._shape.width, out)

    def _attended(self, layer: Layer, q: Block, width: int) -> Block:
        context = self._context
        if context.flash:
            return self._next(width, q)
        scores = self._next(context.cells_of(layer) * layer.heads, q)
        mixed = self._next(width, scores)
        return self._next(width, mixed)

    def _projected(self, layer: Layer, n: Block, keep: bool) -> tuple[Block, list[Block]]:
        """Q, and what lives until K and V are in the cache. V comes before K."""
        context, used = self._context, () if keep else (n,)
        heads, keys, values = layer.heads * layer.key, layer.kv_heads * layer.key, layer.kv_heads * layer.value
        if fused := layer.rows("attn_qkv"):
            qkv = self._next(fused, *used)
            plain = self._shape.architecture in _WITHOUT_ROPE
            if plain and not self._rotates(context.type_k, layer.key):
                return qkv, []
            q = self._new(heads)
            q = q if plain else self._rotated(q, heads, context.type_k, layer.key)
            rotated = [self._new(values)] if self._rotates(context.type_v, layer.value) else []
            k = self._new(keys)
            k = k if plain else self._rotated(k, keys, context.type_k, layer.key)
            return q, [k, *rotated, qkv]
        q = self._new(layer.rows("attn_q") or heads)
        if self._shape.architecture not in _WITHOUT_ROPE:
            q = self._next(heads, q)
        q = self._rotated(q, heads, context.type_k, layer.key)
        if not layer.stored:
            self._give(*used)
            return q, []
        v = self._rotated(self._new(values), values, context.type_v, layer.value)
        k = self._rotated(self._next(keys, self._new(keys)), keys, context.type_k, layer.key)
        self._give(*used)
        return q, [k, v]

    def _rotated(self, block: Block, width: int, kind: int, head: int) -> Block:
        """Quantised caches hold values that were rotated by a Hadamard matrix."""
        return self._next(width, block) if self._rotates(kind, head) else block

    def _rotates(self, kind: int, head: int) -> bool:
        return TYPE_SIZES[kind][0] > 1 and head > 0 and head % 64 == 0 and len(self._heads) == 1

    def _latent(self, layer: Layer, n: Block, keep: bool) -> Block:
        """Multi-head latent attention with the matrices absorbed."""
        shape, heads = self._shape, layer.heads
        rank, rope = shape.number("attention.kv_lora_rank"), shape.number("rope.dimension_count")
        q = self._next(layer.rows("attn_q_b"), self._new(layer.rows("attn_q_a"))) if layer.rows("attn_q_a") else None
        q = q or self._new(layer.rows("attn_q"))
        compressed = self._new(rank + rope)
        turned = self._new(heads * rope)
        absorbed = self._new(heads * rank)
        whole = self._next(heads * (rank + rope), turned, absorbed, q)
        key = self._new(rank + rope)
        if not keep:
            self._give(n)
        self._give(key, compressed)
        if self._context.flash:
            mixed = self._next(heads * rank, whole)
        else:
            mixed = self._next(heads * rank, self._next(self._context.cells * heads, whole))
        width = layer.tensors["attn_output.weight"].shape[0]
        return self._next(shape.width, self._next(width, self._next(width, mixed)))

    # ------------------------------------------------------------ recurrent layers

    def _mamba(self, layer: Layer, n: Block, keep: bool) -> Block:
        inner = self._shape.number("ssm.inner_size")
        conv = layer.tensors["ssm_conv1d.weight"].shape[1]
        history = self._arena.take(4 * layer.conv * self._context.sequences)
        projected = self._next(layer.rows("ssm_in"), *(() if keep else (n,)))
        windows = self._next_states(conv, layer.conv, history)
        x = self._next(conv, windows)
        steps = self._new(inner) if "ssm_x.weight" in layer.tensors else self._new(layer.tensors["ssm_a"].shape[-1])
        scanned = self._next_states(inner, layer.state, steps)
        z = self._next(inner, projected)
        y = self._next(inner, x) if "ssm_x.weight" not in layer.tensors else x
        gated = self._next(inner, z, y, scanned)
        if "ssm_norm.weight" in layer.tensors:
            gated = self._next(inner, gated)
        return self._next(self._shape.width, gated)

    def _delta(self, layer: Layer, n: Block) -> Block:
        """Gated delta nets (qwen3next, qwen35) and Kimi's delta attention."""
        number = self._shape.number
        inner = number("ssm.inner_size") or layer.heads * number("kda.head_dim")
        mixed = layer.rows("attn_qkv") or 3 * inner
        keys = (mixed - inner) // 2
        states = self._arena.take(4 * layer.conv * self._context.sequences)
        projected = self._new(mixed)
        windows = self._next_states(mixed, layer.conv, states, projected)
        state = self._arena.take(4 * layer.state * self._context.sequences)
        conv = self._next(mixed, windows)
        q, k = self._new(keys), self._new(keys)
        if self._shape.architecture == "qwen3next" and keys != inner:  # repeated for every value head
            q, k = self._next(inner, q), self._next(inner, k)
        gates = [self._new(layer.tensors["ssm_a"].shape[-1]) for _ in range(3)]
        delta = self._next_states(inner, layer.state, q, k, conv, *gates)
        self._give(state)
        out = self._next(inner, delta)
        gate = self._next(inner, self._new(inner), n)
        return self._next(self._shape.width, out, gate)

    def _short_conv(self, n: Block) -> Block:
        width = self._shape.width
        projected = self._next(3 * width, n)
        product = self._new(width)
        windows = self._next(width, product)
        conv = self._next(width, windows)
        out = self._next(width, conv, projected)
        return self._next(width, out)

    def _rwkv(self, layer: Layer, n: Block) -> Block:
        """The time mix of rwkv6 and rwkv7; the channel mix is the layer's feed-forward network."""
        width = self._shape.width
        shift = self._new(width)
        seventh = "time_mix_k_k.weight" in layer.tensors
        mixed = self._new((6 if seventh else 5) * width)
        parts = [self._new(width) for _ in range(7 if seventh else 4)]
        state = self._arena.take(4 * layer.state * self._context.sequences)
        more = [self._new(width)] if seventh else []
        out = self._next_states(width, layer.state, state, shift, mixed, *more)
        normed = self._next(width, out, *parts)
        return self._next(width, normed, n)

    def _next_states(self, width: int, states: int, *used: Block) -> Block:
        """A result for every token and one of ``states`` values for every sequence."""
        block = self._arena.take(4 * (width * self._context.tokens + states * self._context.sequences))
        self._give(*used)
        return block

    # ------------------------------------------------------------ feed-forward networks

    def _feed_forward(self, layer: Layer, n: Block, keep: bool = False) -> Block:
        if "ffn_gate_inp.weight" in layer.tensors:
            return self._experts(layer, n)
        if "channel_mix_key.weight" in layer.tensors:
            return self._channel_mix(layer, n)
        return self._ffn(layer, n, keep=keep)

    def _ffn(self, layer: Layer, n: Block, suffix: str = "", *, keep: bool = False) -> Block:
        used = () if keep else (n,)
        inner = layer.tensors[f"ffn_down{suffix}.weight"].shape[0]
        up, gate = layer.rows(f"ffn_up{suffix}"), layer.rows(f"ffn_gate{suffix}")
        result = self._new(up)
        if gate:
            other = self._next(gate, *used)
            if "laurel_l.weight" in layer.tensors:
                other = self._next(gate, self._next(gate, other))
            result = self._next(inner, other, result)
        else:
            self._give(*used)
            if up != inner:
                result = self._next(inner, result)
        return self._next(self._shape.width, result)

    def _channel_mix(self, layer: Layer, n: Block) -> Block:
        width = self._shape.width
        shift = self._new(width)
        key = self._next(layer.rows("channel_mix_key"), shift, n)
        gates = [self._new(width)] if "channel_mix_receptance.weight" in layer.tensors else []
        return self._next(width, key, *gates)

    def _experts(self, layer: Layer, n: Block) -> Block:
        tensors, width, used = layer.tensors, self._shape.width, self._shape.number("expert_used_count")
        count, inner = layer.rows("ffn_gate_inp"), tensors["ffn_down_exps.weight"].shape[0] * used
        shared = "ffn_up_shexp.weight" in tensors
        beside = "ffn_up.weight" in tensors
        chances, order = self._new(count), self._new(count)
        weights = self._next(used, chances)
        if "ffn_gate_up_exps.weight" in tensors:
            parts = [self._new(2 * inner)]
        else:
            parts = [self._new(inner) for name in ("gate", "up") if f"ffn_{name}_exps.weight" in tensors]
        if not (shared or beside):
            self._give(n)
        active = self._next(inner, *parts) if len(parts) > 1 or "ffn_gate_up_exps.weight" in tensors else parts[0]
        results = self._next(width * used, active, order, weights)
        out = self._next(width, results)
        if shared or beside:
            self._give(self._ffn(layer, n, "_shexp" if shared else ""))
        return out


def _has_ffn(layer: Layer) -> bool:
    return any(name.startswith(("ffn_up", "ffn_gate", "channel_mix")) for name in layer.tensors)
