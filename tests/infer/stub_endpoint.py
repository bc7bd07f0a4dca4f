"""An endpoint that speaks enough of OpenAI's chat completions, in a thread."""

import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Stub:
    """`answer(body, attempt)` gives (status, text, headers) for each request.

    `bodies` are the requests in order; `most` is how many were open at once.
    """

    def __init__(self, answer, delay_s=0.0):
        self.answer, self.delay_s = answer, delay_s
        self.bodies, self.keys, self.open, self.most = [], [], 0, 0
        self.attempts, self.lock = {}, threading.Lock()

    def begin(self, body, key):
        with self.lock:
            self.bodies.append(body)
            self.keys.append(key)
            self.open += 1
            self.most = max(self.most, self.open)
            prompt = json.dumps(body["messages"])
            self.attempts[prompt] = self.attempts.get(prompt, 0) + 1
            return self.attempts[prompt]

    def end(self):
        with self.lock:
            self.open -= 1


@contextmanager
def serving(stub):
    """Yields the base URL of the stub."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            attempt = stub.begin(body, self.headers["Authorization"])
            time.sleep(stub.delay_s)
            status, text, headers = stub.answer(body, attempt)
            stub.end()
            choice = {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": text},
            }
            usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
            reply = {"id": "1", "object": "chat.completion", "created": 0, "model": "m"}
            good = reply | {"choices": [choice], "usage": usage}
            content = json.dumps(good if status == 200 else {"error": {"message": text}}).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
