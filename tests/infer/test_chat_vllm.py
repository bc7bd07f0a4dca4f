"""What vLLM is asked, by a stand-in for it: there is no GPU here. Not a proof that vLLM agrees."""

import base64
import sys
from io import BytesIO
from types import ModuleType, SimpleNamespace

import pytest
from PIL import Image

from vtb.core.errors import MissingEnvironmentError
from vtb.infer.chat.protocol import ChatMessage, ChatRequest, Sampling
from vtb.infer.chat.vllm import CHUNK, VllmBackend


class LLM:
    made: dict
    chats: list

    def __init__(self, **options):
        LLM.made, LLM.chats = options, []

    def chat(self, conversations, params, lora_request, use_tqdm):
        LLM.chats.append((conversations, params, lora_request))
        return [
            SimpleNamespace(
                prompt_token_ids=[1, 2, 3],
                outputs=[
                    SimpleNamespace(
                        text=f"to {turns[-1]['content']}", finish_reason="stop", token_ids=[4, 5]
                    )
                ],
            )
            for turns in conversations
        ]


@pytest.fixture
def vllm(monkeypatch):
    module, requests = ModuleType("vllm"), ModuleType("vllm.lora.request")
    module.LLM, module.SamplingParams = LLM, lambda **options: options
    requests.LoRARequest = lambda *arguments: arguments
    monkeypatch.setitem(sys.modules, "vllm", module)
    monkeypatch.setitem(sys.modules, "vllm.lora.request", requests)


def test_answers_come_in_chunks_with_media_tokens_forbidden(vllm, tiny_qwen3_vl):
    from vtb.models.qwen3_vl.load import load_processor

    backend = VllmBackend(tiny_qwen3_vl)
    requests = [ChatRequest(str(n), (ChatMessage("user", f"q{n}"),)) for n in range(CHUNK + 1)]
    results = list(backend.complete(requests, Sampling(0.5, 9, 3)))
    assert [(result.id, result.text) for result in results] == [
        (str(n), f"to q{n}") for n in range(CHUNK + 1)
    ]
    assert (results[0].prompt_tokens, results[0].completion_tokens) == (3, 2)
    assert [len(conversations) for conversations, _, _ in LLM.chats] == [CHUNK, 1]
    params = LLM.chats[0][1]
    assert (params["temperature"], params["max_tokens"], params["seed"]) == (0.5, 9, 3)
    tokenizer = load_processor(tiny_qwen3_vl).tokenizer
    named = ("vision_start", "vision_end", "vision_pad", "image_pad", "video_pad")
    forbidden = {tokenizer.convert_tokens_to_ids(f"<|{name}|>") for name in named}
    assert len(forbidden) == 5
    assert params["logit_bias"] == dict.fromkeys(forbidden, -100.0)
    assert LLM.made["model"] == str(tiny_qwen3_vl)
    assert "enable_lora" not in LLM.made and LLM.chats[0][2] is None


def test_an_adapter_goes_along(vllm, tiny_qwen3_vl, adapter):
    backend = VllmBackend(tiny_qwen3_vl, lora=adapter / "adapter_model.safetensors")
    list(backend.complete([ChatRequest("1", (ChatMessage("user", "q"),))], Sampling()))
    assert (LLM.made["enable_lora"], LLM.made["max_lora_rank"]) == (True, 2)
    assert LLM.chats[0][2] == ("adapter", 1, str(adapter))


def test_pictures_are_as_large_as_the_processor_takes_them(vllm, tiny_qwen3_vl):
    picture = BytesIO()
    Image.new("RGB", (4096, 4096)).save(picture, "PNG")
    message = ChatMessage("user", "q", (picture.getvalue(),))
    list(VllmBackend(tiny_qwen3_vl).complete([ChatRequest("1", (message,))], Sampling()))
    url = LLM.chats[0][0][0][0]["content"][0]["image_url"]["url"]
    sent = Image.open(BytesIO(base64.b64decode(url.split(",")[1])))
    assert sent.size == (256, 256)  # 64 tokens


def test_without_vllm_it_says_how_to_install_it(monkeypatch, tiny_qwen3_vl):
    monkeypatch.setitem(sys.modules, "vllm", None)
    with pytest.raises(MissingEnvironmentError, match="vLLM is not installed"):
        VllmBackend(tiny_qwen3_vl)
