import websocket from "@fastify/websocket";
import { context, propagation } from "@opentelemetry/api";
import Fastify from "fastify";
import { answer } from "./agent.mjs";

const app = Fastify();
await app.register(websocket);
app.get("/ws", { websocket: true }, (socket, request) => {
  const call = propagation.extract(context.active(), request.headers);
  socket.on("message", context.bind(call, (data) => answer(socket, JSON.parse(data))));
});
await app.listen({ port: process.env.PORT });
