// Runs the two JavaScript verifiers over the credentials on standard input and prints their answers as JSON, in order.
// It runs inside the folder where `npm ci` put them (verifiers.py copies it there).
// Input: {credentials, contexts, hosts}. Only `hosts` may be reached: a context or schema fetched elsewhere would make
// the answer depend on a third party.

const {credentials, contexts, hosts} = JSON.parse(await readInput());

const unguarded = globalThis.fetch;
globalThis.fetch = async (input, options) => {
  const address = new URL(typeof input === 'string' ? input : input.url ?? input.href);
  if (!hosts.includes(address.host)) throw new Error(`Not one of the credential's own hosts: ${address.host}`);
  return unguarded(input, options);
};
console.log = () => {}; // verifier-core reports schemas it cannot fetch there

const answers = [];
for (const credential of credentials) {
  answers.push({
    'digitalbazaar-vc': await attempt(() => withDigitalBazaar(credential)),
    'digitalcredentials-verifier-core': await attempt(() => withVerifierCore(credential)),
  });
}
process.stdout.write(JSON.stringify(answers));

async function withDigitalBazaar(credential) {
  const vc = await import('@digitalbazaar/vc');
  const {DataIntegrityProof} = await import('@digitalbazaar/data-integrity');
  const {cryptosuite} = await import('@digitalbazaar/eddsa-rdfc-2022-cryptosuite');
  const {checkStatus} = await import('@digitalbazaar/vc-bitstring-status-list');
  const suite = new DataIntegrityProof({cryptosuite});
  const result = await vc.verifyCredential({credential, suite, documentLoader: load, checkStatus});
  const set = (result.statusResult?.results ?? []).filter(entry => entry.status);
  // `verified` stays true for a revoked credential: the bits are reported apart.
  return {accepted: result.verified && set.length === 0, detail: describe(result.error) || (set.length ? 'status set' : '')};
}

async function withVerifierCore(credential) {
  const {verifyCredential} = await import('@digitalcredentials/verifier-core');
  const result = await verifyCredential({credential, knownDIDRegistries: []});
  const steps = Object.fromEntries((result.log ?? []).map(step => [step.id, step.error?.name ?? step.valid]));
  // A step per status purpose, named after it; a suspended credential fails `suspension_status` only.
  const purposes = [credential.credentialStatus ?? []].flat().map(entry => `${entry.statusPurpose}_status`);
  const needed = ['valid_signature', 'expiration', ...purposes];
  return {
    accepted: !result.errors && needed.every(step => steps[step] === true),
    detail: JSON.stringify(result.errors?.map(error => `${error.name}: ${error.message}`) ?? steps),
  };
}

async function load(url) {
  if (contexts[url]) return {contextUrl: null, documentUrl: url, document: contexts[url], tag: 'static'};
  if (url.startsWith('did:web:')) return {contextUrl: null, documentUrl: url, document: await didPart(url)};
  const answer = await fetch(url, {headers: {accept: 'application/json'}});
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
  return {contextUrl: null, documentUrl: url, document: await answer.json()};
}

async function didPart(url) {
  const [did, fragment] = url.split('#');
  const [host, ...path] = did.slice('did:web:'.length).split(':').map(decodeURIComponent);
  const {document} = await load(`https://${host}/${[...(path.length ? path : ['.well-known']), 'did.json'].join('/')}`);
  if (!fragment) return document;
  const method = document.verificationMethod.find(entry => entry.id === url);
  if (!method) throw new Error(`${url} is not in the did document`);
  return {'@context': 'https://w3id.org/security/multikey/v1', ...method};
}

async function attempt(verify) {
  try {
    return await verify();
  } catch (error) {
    return {accepted: false, detail: describe(error)};
  }
}

function describe(error) {
  return error ? [error.message, ...(error.errors ?? []).map(inner => inner.message)].join('; ') : '';
}

async function readInput() {
  const parts = [];
  for await (const part of process.stdin) parts.push(part);
  return Buffer.concat(parts).toString('utf8');
}
