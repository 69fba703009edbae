"""What people paste to find a model: names, addresses, and the links and commands of other programs."""

from __future__ import annotations

import pytest

from paddock.sdk.hub_words import HubWords, hub_words

NAME = "acme/Rocket-7B.v2-GGUF"
MIRROR = "http://mirror.example:81/hub/"


@pytest.mark.parametrize(
    "text",
    [
        f" {NAME} ",
        f"https://huggingface.co/{NAME}",
        f"huggingface.co/{NAME}/",
        f"https://huggingface.co/{NAME}/tree/main",
        f"https://huggingface.co/{NAME}/discussions/3#x",
        f"Look at https://hf.co/{NAME}.",
        f"http://mirror.example:81/hub/{NAME}/tree/main",
        f"https://hf-mirror.com/{NAME}",
        f"paddock://open?repo={NAME}",
        f"lmstudio://open_from_hf?model={NAME}",
        f"lmstudio://open_from_hf?model={NAME.replace('/', '%2F')}",
        f"jan://models/huggingface/{NAME}",
        f"msty://models/search/hf/{NAME}",
        f"jellybox://llm/models/huggingface/LLM/{NAME}",
        f"sanctum://open_from_hf?model={NAME}",
        f"recursechat://new-hf-gguf-model?hf-model-id={NAME}",
        f"https://backyard.ai/hf/model/{NAME}",
        f"https://model.lmstudio.ai/download/{NAME}",
        f"ollama run hf.co/{NAME}",
        f"docker model run huggingface.co/{NAME}",
        f"llama-server -hf {NAME} -c 4096",
        f"llama-cli --hf-repo={NAME}",
        f"lms get {NAME}",
        f"git clone https://huggingface.co/{NAME}",
        f"hf download {NAME} --local-dir .",
        f'vllm serve "{NAME}"',
        f"mlx_lm.generate --model {NAME} --prompt hello",
        f'model, tokenizer = load("{NAME}")',
        f'AutoModelForCausalLM.from_pretrained("{NAME}")',
    ],
)
def test_what_names_a_repository(text: str) -> None:
    assert hub_words(text, MIRROR) == HubWords(repo=NAME)


@pytest.mark.parametrize(
    ("text", "quant"),
    [
        (f"{NAME}:Q4_K_M", "Q4_K_M"),
        (f"{NAME}@q4_k_m", "q4_k_m"),
        (f"{NAME}:my file", "my file"),
        (f"paddock://open?repo={NAME}:Q4_K_M", "Q4_K_M"),
        (f"ollama run hf.co/{NAME}:Q8_0", "Q8_0"),
        (f"llama-server -hf {NAME}:UD-Q4_K_XL --jinja", "UD-Q4_K_XL"),
        (f"lms get {NAME}@q4_k_m", "q4_k_m"),
        (f"lmstudio://open_from_hf?model={NAME}&file=r-Q4_K_M.gguf", "r-Q4_K_M.gguf"),
        (f"https://huggingface.co/{NAME}?show_file_info=r-Q6_K.gguf", "r-Q6_K.gguf"),
        (f"https://huggingface.co/{NAME}/blob/main/Q8/r%20x.gguf?download=true", "Q8/r x.gguf"),
        (f"{MIRROR}{NAME}/resolve/main/r.gguf", "r.gguf"),
        (f"huggingface-cli download {NAME} r.gguf --local-dir .", "r.gguf"),
        (f'npx -y node-llama-cpp chat --model "hf:{NAME}/r-Q4_K_M.gguf"', "r-Q4_K_M.gguf"),
        (f"local-ai run huggingface://{NAME}/r.gguf", "r.gguf"),
        (f'./llama-cli \\\n  --hf-repo "{NAME}" \\\n  --hf-file r.gguf \\\n  -p "You run a/b"', "r.gguf"),
        (f'Llama.from_pretrained(\n\trepo_id="{NAME}",\n\tfilename="r.gguf",\n)', "r.gguf"),
    ],
)
def test_what_names_one_quant_or_file_of_it(text: str, quant: str) -> None:
    assert hub_words(text, MIRROR) == HubWords(repo=NAME, quant=quant)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("acme/", HubWords(author="acme")),
        ("https://huggingface.co/acme", HubWords(author="acme")),
        ("hf.co/acme/models", HubWords(author="acme")),
        ("https://huggingface.co/models?search=qwen+3&author=acme", HubWords(words="qwen 3", author="acme")),
        ("ollama run llama3.2", HubWords(words="llama3.2")),
        ("ollama pull qwen3:8b-q4_K_M", HubWords(words="qwen3 8b")),
        ("https://ollama.com/library/qwen3:latest", HubWords(words="qwen3")),
        ("https://lmstudio.ai/models/qwen/qwen3-8b", HubWords(words="qwen3-8b")),
    ],
)
def test_what_names_several(text: str, meant: HubWords) -> None:
    assert hub_words(text) == meant


@pytest.mark.parametrize(
    "text",
    ["qwen 3", "a model that can run tools", "a/b/c", "../../etc", "a/..", "", "[", "https://[", "file:///etc/passwd",
     "https://example.org/acme/rocket", "https://huggingface.co/datasets/acme/data", "https://huggingface.co/a/../b",
     "https://huggingface.co/models?sort=trending", "hf.co", "/srv/hf/acme/rocket/r.gguf"],
)  # fmt: skip
def test_everything_else_stays_words(text: str) -> None:
    assert hub_words(text) == HubWords(words=text)
