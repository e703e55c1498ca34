import { context, propagation } from "@opentelemetry/api";
import express from "express";
import expressWs from "express-ws";
import { answer } from "./agent.mjs";

const { app } = expressWs(express());
app.ws("/ws", (socket, request) => {
  const call = propagation.extract(context.active(), request.headers);
  socket.on("message", context.bind(call, (data) => answer(socket, JSON.parse(data))));
});
app.listen(process.env.PORT);
