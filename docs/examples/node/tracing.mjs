// node --import ./tracing.mjs server.mjs
import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import { NodeSDK } from "@opentelemetry/sdk-node";

const sdk = new NodeSDK({ instrumentations: [new HttpInstrumentation()] });
sdk.start();
process.once("SIGTERM", () => sdk.shutdown().finally(() => process.exit()));
