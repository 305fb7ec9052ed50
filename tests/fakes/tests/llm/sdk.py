"""Asks the fakes with the providers' own Python clients.

Arguments: addresses of OpenAI and Mistral fakes whose scripts answer the calls below in order.
Each check prints its name; the first that fails ends the program with a traceback.
"""

import json
import sys

import openai
import pydantic
from mistralai.client import Mistral
from mistralai.client.errors import HTTPValidationError, SDKError

KEY = "example-key"
openai_at, mistral_at = sys.argv[1:3]
ASK = [{"role": "system", "content": "Review."}, {"role": "user", "content": "Hello, JSON."}]


class Verdict(pydantic.BaseModel):
    verdict: str
    notes: str | None


def client(key=KEY, timeout=60.0, base=openai_at + "/v1"):
    return openai.OpenAI(api_key=key, base_url=base, max_retries=0, timeout=timeout)


def done(name):
    print(name, flush=True)


def raises(kind, call, status=None, code=None):
    try:
        call()
    except kind as err:
        assert type(err) is kind, type(err)
        assert status is None or err.status_code == status, err.status_code
        assert code is None or err.code == code, err.code
        return err
    raise AssertionError(f"{kind.__name__} was not raised")


def chat(it=None, **more):
    return (it or client()).chat.completions.create(
        **{"model": "gpt-4o-mini", "messages": ASK, "max_completion_tokens": 64, **more}
    )


# Success, and what the client keeps of it.
raw = client().chat.completions.with_raw_response.create(model="gpt-4o-mini", messages=ASK)
answer = raw.parse()
assert raw.headers["x-request-id"].startswith("req_"), raw.headers
assert answer._request_id.startswith("req_")
assert answer.model == "gpt-4o-mini-2024-07-18", answer.model
assert answer.choices[0].message.content == "ok"
assert answer.choices[0].finish_reason == "stop"
assert answer.usage.prompt_tokens > 0 and answer.usage.prompt_tokens_details.cached_tokens == 0
done("chat")

# A schema made by the client is strict enough, and its answer parses.
parsed = client().chat.completions.parse(model="gpt-4o-mini", messages=ASK, response_format=Verdict)
assert parsed.choices[0].message.parsed == Verdict(verdict="ok", notes="ok"), parsed
done("chat.parse")

refused = client().chat.completions.parse(model="gpt-4o-mini", messages=ASK, response_format=Verdict)
assert refused.choices[0].message.refusal == "I'm sorry" and refused.choices[0].message.parsed is None
done("refusal")

raises(
    openai.LengthFinishReasonError,
    lambda: client().chat.completions.parse(
        model="gpt-4o-mini", messages=ASK, response_format=Verdict
    ),
)
done("length")

called = chat()
assert called.choices[0].finish_reason == "tool_calls"
assert called.choices[0].message.tool_calls[0].function.name == "f"
done("tool_calls")

# Each typed error.
limited = raises(openai.RateLimitError, chat, 429, "rate_limit_exceeded")
assert limited.response.headers["retry-after"] == "3"
raises(openai.RateLimitError, chat, 429, "insufficient_quota")
raises(openai.InternalServerError, chat, 503, "server_is_overloaded")
raises(openai.APIConnectionError, chat)
raises(openai.APITimeoutError, lambda: chat(client(timeout=0.3)))
raises(openai.AuthenticationError, lambda: chat(client(key="wrong")), 401, "invalid_api_key")
raises(openai.NotFoundError, lambda: chat(model="gpt-3"), 404, "model_not_found")
wrong = raises(openai.BadRequestError, lambda: chat(model="gpt-5-mini", max_tokens=5), 400)
assert wrong.param == "max_tokens" and wrong.code == "unsupported_parameter", wrong
raises(openai.BadRequestError, lambda: chat(model="gpt-6-luna", temperature=0), 400)
raises(openai.NotFoundError, lambda: chat(client(base=openai_at)), 404)
done("errors")

listed = {model.id: model for model in client().models.list()}
assert listed["gpt-4o-mini"].shutdown_date == "2027-01-14", listed["gpt-4o-mini"]
assert listed["gpt-6-luna"].shutdown_date is None
assert client().models.retrieve("gpt-4o").owned_by == "system"
done("models")

response = client().responses.create(
    model="gpt-6-luna", input="Hello", instructions="Review.", max_output_tokens=64, store=False,
    reasoning={"effort": "none"},
)
assert response.output_text == "ok" and response.status == "completed", response
assert response.output[0].type == "reasoning"
assert response.usage.input_tokens > 0 and response.usage.input_tokens_details.cached_tokens == 0
response = client().responses.parse(model="gpt-6-luna", input="Hello", text_format=Verdict)
assert response.output_parsed == Verdict(verdict="ok", notes="ok"), response
cut = client().responses.create(model="gpt-6-luna", input="Hello")
assert cut.status == "incomplete" and cut.incomplete_details.reason == "max_output_tokens"
failed = client().responses.create(model="gpt-6-luna", input="Hello")
assert failed.status == "failed" and failed.error.code == "server_error"
bad = raises(
    openai.BadRequestError,
    lambda: client().responses.create(
        model="gpt-6-luna",
        input="Hello",
        text={"format": {"type": "json_schema", "name": "x", "schema": {"type": "object"}}},
    ),
    400,
)
assert bad.code == "invalid_json_schema" and bad.param == "text.format.schema", bad
done("responses")

mistral = Mistral(api_key=KEY, server_url=mistral_at)
answer = mistral.chat.complete(
    model="mistral-small-latest", messages=ASK, max_tokens=64, temperature=0, random_seed=1
)
assert answer.choices[0].message.content == "ok" and answer.choices[0].finish_reason == "stop"
assert answer.model == "mistral-small-2603" and answer.usage.prompt_tokens > 0
parsed = mistral.chat.parse(Verdict, model="mistral-small-latest", messages=ASK)
assert parsed.choices[0].message.parsed == Verdict(verdict="ok", notes="ok"), parsed
done("mistral chat")

ask = {"model": "mistral-small-latest", "messages": ASK}
assert raises(SDKError, lambda: mistral.chat.complete(**ask), 429)
gone = raises(
    SDKError,
    lambda: mistral.chat.complete(**{**ask, "model": "labs-devstral-small-2512"}),
    400,
)
assert json.loads(gone.body)["type"] == "invalid_model", gone.body
raises(HTTPValidationError, lambda: mistral.chat.complete(**ask, temperature=1.6), 422)
raises(
    SDKError, lambda: Mistral(api_key="wrong", server_url=mistral_at).chat.complete(**ask), 401
)
done("mistral errors")

listed = {model.id: model for model in mistral.models.list().data}
ending = listed["devstral-small-2512"]
assert ending.deprecation.year == 2026 and ending.aliases == ["devstral-small-latest"], ending
assert ending.deprecation_replacement_model == "mistral-small-latest"
done("mistral models")
