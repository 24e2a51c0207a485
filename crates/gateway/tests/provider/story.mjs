// A provider, and a person with a browser who signs in to the console by it. Prints one JSON document of what came of it.
//   node story.mjs ISSUER CONSOLE
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

const [issuer, console_] = process.argv.slice(2);
let groups = [];

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: 'gatepost',
      client_secret: 'the secret of the test',
      redirect_uris: [`${console_}/api/v1/oidc/callback`],
      grant_types: ['authorization_code'],
      response_types: ['code'],
    },
  ],
  pkce: { required: () => true },
  scopes: ['openid', 'profile', 'email'],
  claims: { openid: ['sub'], profile: ['preferred_username', 'groups'], email: ['email'] },
  cookies: { keys: ['a key of the test'] },
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_, interaction) => `/sign-in/${interaction.uid}` },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, preferred_username: 'anna', email: 'anna@acme.test', groups }),
  }),
  // the person has agreed once and for all
  async loadExistingGrant(ctx) {
    const grant = new ctx.oidc.provider.Grant({
      clientId: ctx.oidc.client.clientId,
      accountId: ctx.oidc.session.accountId,
    });
    grant.addOIDCScope('openid profile email');
    await grant.save();
    return grant;
  },
});

const answer = provider.callback();
const server = createServer((request, response) => {
  if (request.url.startsWith('/sign-in/')) {
    // the person types name and password
    provider.interactionFinished(request, response, { login: { accountId: '4711' } });
  } else {
    answer(request, response);
  }
});
const { hostname, port } = new URL(issuer);
await new Promise((ready) => server.listen(Number(port), hostname, ready));

// A browser as far as it matters here: cookies by origin, and redirects.
class Browser {
  jars = new Map();
  trail = [];

  async visit(address) {
    const { origin } = new URL(address);
    const jar = this.jars.get(origin) ?? new Map();
    this.jars.set(origin, jar);
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(address, { redirect: 'manual', headers: cookie ? { cookie } : {} });
    for (const line of response.headers.getSetCookie()) {
      const [pair, ...attributes] = line.split(';');
      const [name, ...value] = pair.split('=');
      const gone = attributes.some((one) => /^\s*(max-age=0|expires=thu, 01 jan 1970)/i.test(one));
      if (gone) jar.delete(name);
      else jar.set(name, value.join('='));
    }
    this.trail.push({ address, status: response.status });
    return response;
  }

  async follow(address) {
    let here = address;
    for (let hops = 0; hops < 12; hops += 1) {
      const response = await this.visit(here);
      const to = response.headers.get('location');
      if (!to) return { status: response.status, body: await response.text() };
      here = new URL(to, here).href;
      if (here === `${console_}/`) return { status: response.status, body: 'the console' };
    }
    return { status: 0, body: 'redirects without end' };
  }

  async user() {
    return (await (await this.visit(`${console_}/api/v1/session`)).json()).user;
  }
}

const start = `${console_}/api/v1/oidc/start`;
const signIn = async (theirs) => {
  groups = theirs;
  const browser = new Browser();
  const end = await browser.follow(start);
  return { browser, end, user: await browser.user() };
};

const admin = await signIn(['mail-admins', 'others']);
const back = admin.browser.trail.find(({ address }) => address.includes('/oidc/callback')).address;
const replayed = await new Browser().follow(back);
const viewer = await signIn(['staff']);
const nobody = await signIn(['others']);

// the code of one sign-in in the browser of another
const thief = new Browser();
const away = (await thief.visit(start)).headers.get('location');
const state = new URL(away).searchParams.get('state');
const forged = new URL(back);
forged.searchParams.set('state', state);
const stolen = await thief.follow(forged.href);

const shown = ({ end, user }) => ({ end, user });
process.stdout.write(
  `\n${JSON.stringify({
    admin: shown(admin),
    viewer: shown(viewer),
    nobody: shown(nobody),
    replayed,
    stolen,
    challenge: new URL(away).searchParams.get('code_challenge_method'),
  })}\n`,
);
server.closeAllConnections();
server.close();
