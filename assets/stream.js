// Gradio's script takes its stream of updates for open until it has read the stream's end, and never hears again of a
// call that it makes after the server has sent that. Such a stream goes on here, in another, until no call waits.
// In the head of the page (cliptta_demo/page/server/first_paint.py), before any script that calls.
(function () {
  const END = 'data: {"msg":"close_stream"';
  const DONE = /^data: \{"msg":"process_completed","event_id":"(\w+)"/;
  const plain = window.fetch.bind(window);
  /** A call in the page's language (cliptta_demo/page/framework/visitor_language.py). */
  const ask = (to, about = {}) => {
    const own = typeof to !== "string" || new URL(to, location.href).origin === location.origin;
    if (!own || to.url) return plain(to, about);
    const headers = new Headers(about.headers);
    headers.set("accept-language", window.clipttaLanguage?.code ?? "en");
    return plain(to, { ...about, headers });
  };
  const onTheirWay = new Set(); // calls that have no id yet
  const open = new Set(); // ids of those that are not done
  const early = new Set(); // ids of those that were done before it was known whose they are

  function call(...request) {
    const response = ask(...request);
    const known = response
      .then((answer) => answer.clone().json())
      .then(({ event_id: id }) => id && !early.delete(id) && open.add(id))
      .catch(() => {}) // Gradio says it
      .finally(() => onTheirWay.delete(known));
    onTheirWay.add(known);
    return response;
  }

  async function somebodyWaits() {
    while (onTheirWay.size) await Promise.all(onTheirWay);
    return open.size > 0;
  }

  /** A reader of its messages, each whole; an answer that is no stream is thrown, as Gradio does. */
  function messagesOf(response) {
    if (!response.ok) throw response;
    let rest = "";
    const split = new TransformStream({
      transform(text, out) {
        const messages = (rest + text).split("\n\n");
        rest = messages.pop();
        for (const message of messages) out.enqueue(`${message}\n\n`);
      },
    });
    return response.body.pipeThrough(new TextDecoderStream()).pipeThrough(split).getReader();
  }

  async function stream(...request) {
    const bytes = new TextEncoder();
    const response = await ask(...request);
    if (!response.ok) return response;
    let messages = messagesOf(response);
    const body = new ReadableStream({
      async pull(out) {
        let { value, done } = await messages.read();
        while (!done && value.startsWith(END) && (await somebodyWaits())) {
          messages = messagesOf(await ask(...request));
          ({ value, done } = await messages.read());
        }
        if (done) return out.close();
        const id = DONE.exec(value)?.[1];
        if (id && !open.delete(id)) early.add(id);
        out.enqueue(bytes.encode(value));
      },
      cancel: () => messages.cancel(),
    });
    return new Response(body, response);
  }

  window.fetch = (...request) => {
    const address = String(request[0].url ?? request[0]);
    if (address.includes("/queue/join")) return call(...request);
    return address.includes("/queue/data") ? stream(...request) : ask(...request);
  };
})();
