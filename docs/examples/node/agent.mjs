// What stands for your agent: each answer is made by a model and a tool that it calls, with spans of both.
import { setTimeout as pause } from "node:timers/promises";
import { SpanKind, trace } from "@opentelemetry/api";

const tracer = trace.getTracer("agent");

export async function answer(socket, message) {
  if (message.type !== "prompt" || !message.last) return;
  const said = { "gen_ai.input.messages": message.voicePrompt };
  const chat = { "gen_ai.operation.name": "chat", "gen_ai.request.model": "small", ...said };
  await tracer.startActiveSpan("chat small", { kind: SpanKind.CLIENT, attributes: chat }, async (span) => {
    await pause(20);
    await findTable(said);
    for (const token of ["You said: ", message.voicePrompt]) {
      socket.send(JSON.stringify({ type: "text", token, last: token === message.voicePrompt }));
    }
    span.end();
  });
}

async function findTable(said) {
  const tool = { "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "find_table", ...said };
  await tracer.startActiveSpan("execute_tool find_table", { attributes: tool }, async (span) => {
    await pause(10);
    span.end();
  });
}
