"""What the starter knows about Paddock and about local language models: phrasings of a question, then its answer."""

from __future__ import annotations

PADDOCK: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        ("[What is|What's|Explain|Describe] Paddock?", "[Tell me|Can you say something] about Paddock.", "What does Paddock do?",
         "What is [this app|this program|Paddock for]?", "What can I do with Paddock?", "[Do you know|Ever heard of] Paddock?"),
        "Paddock is an open-source desktop app for local language models. It finds, loads, compares and serves models on your own machine.",
    ),
    (
        ("Is Paddock [free|open source|open-source]?", "What does Paddock cost?", "[What|Which] licence does Paddock have?"),
        "Yes, Paddock is free and open source.",
    ),
    (
        ("Does Paddock need [the internet|internet|a network|a connection]?", "[Does|Can] Paddock [work|run] offline?",
         "Can I use Paddock without [internet|a network]?", "Is my data sent [to the cloud|anywhere]?", "Is Paddock private?",
         "[Does|Do] my [chats|messages] leave my [computer|machine]?"),
        "Paddock works offline. Models run on your own machine and your chats stay there; the network is only needed for downloads.",
    ),
    (
        ("How do I [download|get|find|install] a [model|new model]?", "Where [do I find|can I get|do I download] [models|new models]?",
         "What is the Discover page?", "What does the Discover page do?", "How do I add a model?"),
        "Open the Discover page, search for a model and press Download. Paddock shows whether it fits your machine before the download.",
    ),
    (
        ("[How do I know|How can I see] [if|whether] a model fits?", "Will [a|this] model fit [on|in] my [machine|computer|memory]?",
         "What does 'fits' mean?", "Does Paddock check the memory [before a download|first]?", "How [much|big a] model can I run?"),
        "Paddock estimates weights, KV cache and compute buffers and tells you whether a model fits before you download it.",
    ),
    (
        ("How do I compare [models|two models]?", "Can I compare [models|two models|answers]?", "What are [the compare panes|compare panes]?",
         "[Can I|How do I] run two models side by side?", "What is the compare view?"),
        "Open Compare: each pane holds a model or other settings, and one prompt goes to all panes side by side.",
    ),
    (
        ("How do I change the [temperature|sampling|samplers|sampler]?", "Where are the [samplers|sampler settings|sliders]?",
         "What are the sliders for?", "Can I change the sampling settings?", "How do I set top-p?"),
        "The samplers are sliders beside the chat: temperature, top-p, top-k, min-p and more. A change counts from the next answer.",
    ),
    (
        ("How do I start the server?", "How do I [serve|share] a model?", "[Does|Can] Paddock [have|run|offer] [a server|an API]?",
         "What does paddock serve do?", "Which port does the server use?", "What is the [server address|address of the server]?",
         "How do I use the API?", "Is there an OpenAI-compatible [API|server]?", "What port does Paddock [use|listen on]?"),
        "Run `paddock serve`. It starts a local OpenAI-compatible server on http://127.0.0.1:5151.",
    ),
    (
        ("How do I chat in the terminal?", "Can I chat [from|in] [the command line|a terminal|the terminal]?", "What does paddock chat do?",
         "Is there a command line chat?"),
        "Run `paddock chat` to talk to a model in the terminal.",
    ),
    (
        ("How do I list [my models|models|the models|installed models]?", "What does paddock ls do?", "Which command lists [my|the] models?",
         "Show me my models.", "Which models do I have?"),
        "Run `paddock ls` to list the models on your machine.",
    ),
    (
        ("What does paddock ps do?", "How do I see [loaded|running] models?", "Which models are [loaded|running]?",
         "Which command shows [loaded|running] models?"),
        "Run `paddock ps` to see which models are loaded.",
    ),
    (
        ("How do I load a model?", "What does paddock load do?", "Which command loads a model?", "How can I load a model from the terminal?"),
        "Run `paddock load` with the name of a model.",
    ),
    (
        ("How do I unload a model?", "What does paddock unload do?", "How do I free [memory|the memory|RAM]?", "Which command unloads a model?"),
        "Run `paddock unload` with the name of a model; its memory is free again.",
    ),
    (
        ("What does paddock doctor do?", "Something [is broken|does not work|is wrong]. What now?", "How do I check my [setup|installation]?",
         "Paddock does not [work|start]. [What can I do?|Help!]", "How do I find [problems|out what is wrong]?"),
        "Run `paddock doctor`. It checks your installation and says what to do next.",
    ),
    (
        ("[Is there|Does Paddock have] [a Python SDK|an SDK]?", "How do I use Paddock from Python?", "How do I use the [SDK|Python SDK|client]?",
         "[Show me|Give me] the Python client.", "Can I use Paddock in [my code|Python|a script]?"),
        "Yes, use the SDK:\n\n```python\nfrom paddock.sdk import Client\n\nclient = Client()\n```",
    ),
    (
        ("[Which|What] engines does Paddock [have|use|support]?", "What is an engine?", "What engines are there?",
         "Does Paddock use llama.cpp?", "[Does|Can] Paddock [use|support] MLX?"),
        "Paddock has three kinds of engines: llama.cpp for GGUF files, MLX for Apple machines, and remote for servers elsewhere.",
    ),
    (
        ("What is PADDOCK_HOME?", "Where does Paddock [store|keep|save] [its data|models|my models|files|chats]?", "Where are [my models|the models] [stored|saved]?",
         "How do I move the models [folder|elsewhere]?", "Can I change the [models|data] folder?"),
        "Everything is in one folder. Set the variable PADDOCK_HOME to move it elsewhere.",
    ),
    (
        ("[Which|What] model are you?", "What is [the starter|paddock/starter|the starter model|Paddock Starter]?", "[How big|How large] are you?",
         "How many parameters do you have?", "Which model is this?", "What model am I talking to?"),
        "I am Paddock Starter, a demonstration model with about five million parameters that comes with Paddock.",
    ),
    (
        ("[Who made|Who built|Who wrote|Who created] Paddock?", "Who is behind Paddock?"),
        "Paddock is made by its open-source contributors.",
    ),
    (
        ("How do I stop an answer?", "Can I [stop|interrupt|cancel] [you|an answer|the answer]?", "How do I cancel an answer?"),
        "Press Stop; the answer ends at once and the text so far stays.",
    ),
    (
        ("Does Paddock run on [Windows|Linux|a Mac|macOS]?", "[Which|What] [systems|platforms] does Paddock [support|run on]?"),
        "Paddock runs on Linux, macOS and Windows.",
    ),
    (
        ("Do I need a GPU?", "Does Paddock [need|use] a [GPU|graphics card]?", "Can I run models without a GPU?"),
        "A GPU is not needed, but it makes models much faster. Paddock uses it when it finds one.",
    ),
)

CONCEPTS: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        ("[What is|What's|Explain|What does] [a quant|a quant mean|quantization|quantisation|quantizing]?", "What does Q4_K_M mean?", "What is Q8_0?",
         "What does quantized mean?", "What is a quantized model?", "Tell me about [quants|quantization]."),
        "A quant is a model with its weights rounded to fewer bits. Q4 needs about half the memory of Q8 and loses a little quality.",
    ),
    (
        ("[What is|What's|Explain] [the context|context|a context window|the context window|context length]?", "What does context [length|] mean?", "What is the context for?",
         "How long is the context?"),
        "The context is the text a model can see at once, counted in tokens. A longer context needs more memory.",
    ),
    (
        ("[What is|What's|Explain|Define] [temperature|the temperature|sampling temperature]?", "What does [the temperature|temperature] [do|mean]?", "What is the temperature for?"),
        "Temperature sets how random the next token is. Low values are steady, high values are more surprising.",
    ),
    (
        ("[What is|What's|Explain|Define] [top-p|top p|nucleus sampling]?", "What does [top-p|top p] [do|mean]?"),
        "Top-p keeps the most likely tokens whose probabilities add up to p and drops the rest.",
    ),
    (
        ("[What is|What's|Explain|Define] [top-k|top k]?", "What does [top-k|top k] [do|mean]?"),
        "Top-k keeps only the k most likely tokens.",
    ),
    (
        ("[What is|What's|Explain|Define] [min-p|min p]?", "What does [min-p|min p] [do|mean]?"),
        "Min-p drops every token whose probability is below a fraction of the best one.",
    ),
    (
        ("[What is|What's|Explain|Define] [the KV cache|a KV cache|KV cache|kv cache]?", "What does the KV cache do?", "Why [do I need|is there] a KV cache?"),
        "The KV cache holds keys and values of the tokens so far, so that each new token needs only one step. It grows with the context.",
    ),
    (
        ("[What is|What's|Explain|Define] [GGUF|a GGUF file|gguf|a GGUF]?", "What does GGUF [mean|stand for]?", "What is a .gguf file?"),
        "GGUF is the file format of llama.cpp: one file with the weights, the tokenizer and the settings of a model.",
    ),
    (
        ("[What is|What's|Explain|Define] [a token|tokens]?", "What does token mean?", "What are tokens?"),
        "A token is a piece of text, often a word or part of a word. Models read and write tokens.",
    ),
    (
        ("[What is|What's|Explain|Define] [a language model|an LLM|a large language model|LLM]?", "How does a language model work?", "What are language models?"),
        "A language model is a program that predicts the next token of a text, again and again.",
    ),
    (
        ("[What is|What's|Explain] [a local model|a local language model|local AI]?", "Why [run models locally|use local models]?"),
        "A local model runs on your own machine, so it is private and works without a network.",
    ),
    (
        ("[What is|What's|Explain] [llama.cpp|llama cpp]?", "What does llama.cpp do?"),
        "llama.cpp is a fast engine in C++ that runs GGUF models on processors and graphics cards.",
    ),
    (
        ("[What is|What's|Explain] MLX?", "What is MLX for?"),
        "MLX is Apple's library for machine learning on its own chips; Paddock can use it as an engine.",
    ),
    (
        ("[What is|What's|Explain] [a system prompt|the system prompt]?", "What does the system prompt do?"),
        "The system prompt is a first message that tells the model how to behave.",
    ),
    (
        ("[What is|What's|Explain] [a sampler|sampling]?", "What are samplers?", "What does a sampler do?"),
        "A sampler chooses the next token from the probabilities of the model.",
    ),
    (
        ("[What is|What's|Explain] [the chat template|a chat template]?", "What does a chat template do?"),
        "A chat template turns messages into the one text that a model was trained on.",
    ),
    (
        ("[What is|What's|Explain] [a tool call|tool calling]?", "What are tools?"),
        "With a tool call a model asks the program to run a function and then uses the result in its answer.",
    ),
    (
        ("[What is|What's|Explain] [the repetition penalty|a repetition penalty]?", "What does the repetition penalty do?"),
        "The repetition penalty makes tokens that were already used less likely.",
    ),
    (
        ("[What is|What's|Explain] [an embedding|embeddings]?",),
        "An embedding is a list of numbers that stands for the meaning of a text.",
    ),
    (
        ("[What is|What's|Explain] [a prompt|the prompt]?", "What does prompt mean?"),
        "A prompt is the text you give to a model.",
    ),
    (
        ("[What is|What's|Explain] [a parameter|parameters|model parameters]?", "What are parameters?"),
        "Parameters are the numbers a model has learnt. More parameters need more memory and often answer better.",
    ),
)

EXPLANATIONS: tuple[tuple[str, str], ...] = (
    (
        "[local language models|local models|running models locally|language models]",
        "A language model is a program that predicts the next token of a text. It reads your question, works out which token comes next, writes it down, and begins again with the longer text.\n\n"
        "A local model does this on your own machine. The weights are in a file on your disk, and an engine such as llama.cpp loads them into memory. Nothing is sent to a server, so your chats stay private and everything works without a network.\n\n"
        "The price is memory. A model with seven billion parameters needs about four gigabytes as a Q4 quant, and more for the KV cache. That is why Paddock tells you whether a model fits before you download it.\n\n"
        "Speed depends on the memory too. For every token the whole model is read once, so a smaller quant is faster, and a graphics card with fast memory is faster still. Begin with a small model, look at the tokens per second, and then try a larger one.",
    ),
    (
        "[quantization|quantisation|quants]",
        "The weights of a model are numbers. After training each number has sixteen bits, and a model with seven billion of them fills fourteen gigabytes. Most machines have less memory than that.\n\n"
        "Quantization rounds the numbers. The weights are cut into small blocks, each block gets one scale, and each weight becomes a small whole number times that scale. With eight bits this is almost exact. With four bits the file is only a quarter as large, and the answers are a little worse.\n\n"
        "The names tell you the size. Q8_0 has about eight bits for each weight, Q6_K six, Q4_K_M four and a half. Below four bits the quality falls quickly, so Q4_K_M is a good choice for most machines.\n\n"
        "If you have memory to spare, take the larger quant of the same model. If you have to choose between a small model with many bits and a large model with few bits, the large model is often better, as long as it has at least four bits.",
    ),
    (
        "[sampling|samplers|how sampling works|temperature and top-p]",
        "At every step the model gives each token a probability. A sampler decides which one is written.\n\n"
        "The simplest way is to take the best token every time. This is called greedy, and it always gives the same answer. It is good for facts and for code, but stories become dull.\n\n"
        "Temperature changes the probabilities before the choice. A low temperature makes the best tokens stronger, a high temperature makes all tokens more equal. At zero the choice is greedy, at one the probabilities stay as they are.\n\n"
        "Top-k keeps only the k best tokens. Top-p keeps the best tokens until their probabilities add up to p. Min-p drops every token that is much less likely than the best one. Penalties make tokens that were already used less likely.\n\n"
        "In Paddock all of these are sliders. Change one of them, ask the same question again, and look at what happens. A good start is a temperature of 0.8 with a min-p of 0.05.",
    ),
    (
        "[the KV cache|KV caches|how the KV cache works|the context]",
        "When a model reads a token, every layer computes a key and a value for it. Later tokens look at these keys and values to find out what was said before.\n\n"
        "Without a cache the model would compute all of them again for every new token. The KV cache keeps them in memory instead, so that a new token needs only one step.\n\n"
        "The cache grows with the context. Each token adds its keys and values in every layer, and for a large model this can be more than a hundred kilobytes. A context of eight thousand tokens may need one gigabyte, so Paddock counts it when it tells you whether a model fits.\n\n"
        "The cache is also why the second question in a chat is answered faster than the first. The beginning of the chat is already in the cache, and only the new tokens must be read. When two chats begin with the same system prompt, they can share that part of the cache.",
    ),
    (
        "[Paddock|how Paddock works|what Paddock can do]",
        "Paddock is an open-source desktop app for local language models. It runs models on your own machine, and your chats stay there.\n\n"
        "On the Discover page you search for models. Before a download starts, Paddock estimates the weights, the KV cache and the compute buffers, and tells you whether the model fits.\n\n"
        "In the chat you talk to a model. The samplers are sliders at the side, and a change counts from the next answer. In Compare, one prompt goes to several panes, so that you can see two models or two settings side by side.\n\n"
        "The command `paddock serve` starts a local OpenAI-compatible server on http://127.0.0.1:5151, so that other programs can use your models. In the terminal there are also `paddock chat`, `paddock ls`, `paddock ps`, `paddock load`, `paddock unload` and `paddock doctor`.\n\n"
        "Behind all this are the engines: llama.cpp for GGUF files, MLX for Apple machines, and remote for servers elsewhere. From Python you use the SDK with `from paddock.sdk import Client`.",
    ),
)
