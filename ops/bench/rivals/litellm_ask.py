"""LiteLLM asked as our router is: one call, or many warm ones beside the same calls by httpx.

litellm_ask.py one TEXT-FILE PRIMARY
litellm_ask.py many TEXT-FILE COUNT PRIMARY [FALLBACK]     bases of OpenAI's and Mistral's API
"""

import json
import pathlib
import sys
import time

KEY = "example-key"
CAP = 600


def messages(path):
    return [{"role": "user", "content": pathlib.Path(path).read_text()}]


def one(text, primary):
    import litellm

    reply = litellm.completion(
        "openai/gpt-4o-mini", messages(text), api_base=primary, api_key=KEY, max_completion_tokens=CAP
    )
    print(reply.choices[0].message.content)


def many(text, count, *bases):
    import httpx
    import litellm

    names = ["openai/gpt-4o-mini", "mistral/mistral-small-latest"][: len(bases)]
    models = [
        {"model_name": name, "litellm_params": {"model": name, "api_base": base, "api_key": KEY}}
        for name, base in zip(names, bases)
    ]
    fallbacks = [{names[0]: names[1:]}] if len(bases) > 1 else []
    # Without cooling down, so that every question takes the same way.
    router = litellm.Router(
        model_list=models, fallbacks=fallbacks, num_retries=0, disable_cooldowns=True
    )
    client = httpx.Client(headers={"Authorization": f"Bearer {KEY}"})
    body = {"model": "gpt-4o-mini", "max_completion_tokens": CAP, "messages": messages(text)}
    asked, plain = [], []
    for at in range(int(count) + 1):
        begin = time.perf_counter()
        for base in bases:
            client.post(f"{base}/chat/completions", json=body)
        middle = time.perf_counter()
        reply = router.completion(names[0], messages(text), max_tokens=CAP)
        end = time.perf_counter()
        assert reply.choices[0].message.content
        if at > 0:
            plain.append((middle - begin) * 1000)
            asked.append((end - middle) * 1000)
    print(json.dumps({"asked_ms": asked, "plain_ms": plain}))


if __name__ == "__main__":
    {"one": one, "many": many}[sys.argv[1]](*sys.argv[2:])
