// Makes node_signatures.json, which tests/test_signature.py reads: what Twilio's SDK for Node signs and accepts.
//
//   cd "$(mktemp -d)" && npm install twilio@6.3.1
//   NODE_PATH=node_modules node …/tests/node_signatures.js > …/tests/node_signatures.json

const twilio = require("twilio");

const TOKEN = "lab-auth-token";
const URLS = [
  "wss://h/relay",
  "wss://h/",
  "wss://h/relay/",
  "wss://h//relay",
  "wss://h:443/relay",
  "wss://h:80/relay",
  "wss://h:8443/relay",
  "wss://H/relay",
  "https://h/relay",
  "https://h:443/relay",
  "ws://h/relay",
  "ws://h:80/relay",
  "wss://[::1]/x",
  "wss://[::1]:8443/x",
  "wss://h/r?a=1&b=2",
  "wss://h/r?b=2&a=1",
  "wss://h:443/r?a=1&b=2",
  "wss://h/r?a=%20",
  "wss://h/r?a=+",
  "wss://h/r?token=%C3%A9",
  "wss://user:pw@h/relay",
  "wss://h/r?",
];
const signed = URLS.map((url) => ({
  url,
  sha1: twilio.getExpectedTwilioSignature(TOKEN, url, {}),
  sha256: twilio.getExpectedTwilioSignature(TOKEN, url, {}, "HMAC_SHA256"),
}));
const accepted = [];
for (const { url, sha1 } of signed) {
  for (const seen of URLS) {
    if (twilio.validateRequest(TOKEN, sha1, seen, {})) accepted.push([url, seen]);
  }
}
const settings = ["", "key=WK1,algorithm=HMAC_SHA256", "algorithm = hmac_sha256 ,key=WK1", "key=WK1", "algorithm=,key=a"].map(
  (header) => [header, twilio.getSignatureAlgorithm(header)],
);
console.log(JSON.stringify({ version: require("twilio/package.json").version, token: TOKEN, signed, accepted, settings }, null, 1));
