// Verifies a Sigstore bundle with Sigstore's own library: verify_bundle.js BUNDLE PUBLIC-KEY
// [CERTIFICATE,…]. The certificates are the chain of an authority of time, its own first: then a stamp
// of it is demanded.
// It prints the statement, or fails.
const fs = require("fs");
const crypto = require("crypto");
const { bundleFromJSON } = require("@sigstore/bundle");
const { Verifier, toTrustMaterial, toSignedEntity } = require("@sigstore/verify");

const [, , file, keyFile, chain] = process.argv;
const bundle = bundleFromJSON(JSON.parse(fs.readFileSync(file, "utf8")));
const der = crypto.createPublicKey(fs.readFileSync(keyFile)).export({ type: "spki", format: "der" });
const hint = crypto.createHash("sha256").update(der).digest("base64");
const root = { certificateAuthorities: [], timestampAuthorities: [], tlogs: [], ctlogs: [] };
if (chain) {
  const certificates = chain.split(",").map((name) => ({ rawBytes: new crypto.X509Certificate(fs.readFileSync(name)).raw }));
  root.timestampAuthorities.push({ certChain: { certificates } });
}
const trust = toTrustMaterial(root, { [hint]: { rawBytes: der } });
const thresholds = { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: chain ? 1 : 0 };
new Verifier(trust, thresholds).verify(toSignedEntity(bundle));
process.stdout.write(bundle.content.dsseEnvelope.payload);
