import { context, propagation } from "@opentelemetry/api";
import { WebSocketServer } from "ws";
import { answer } from "./agent.mjs";

const server = new WebSocketServer({ port: process.env.PORT });
server.on("connection", (socket, request) => {
  const call = propagation.extract(context.active(), request.headers);
  socket.on("message", context.bind(call, (data) => answer(socket, JSON.parse(data))));
});
