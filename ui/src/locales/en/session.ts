// Signing in, and signing in again.
const session = {
  title: 'Sign in',
  name: 'Name',
  password: 'Password',
  signIn: 'Sign in',
  intro: 'to {hostname}',
  code: 'Code',
  codeHint: 'Six digits from your authenticator app, or a recovery code.',
  codeTitle: 'Second factor',
  codeWrong: 'That code was not right. Codes change every 30 seconds, and each works once.',
  verify: 'Confirm',
  startOver: 'Sign in as somebody else',
  wrong: 'Name or password is wrong.',
  locked: 'Too many failed attempts. Wait {time}, then try again.',
  nameMissing: 'Enter your name.',
  passwordMissing: 'Enter your password.',
  codeMissing: 'Enter the code.',
  oidc: 'Sign in with {name}',
  or: 'or',
  oidcFailed: 'Signing in with {name} did not work. {detail}',
  expiredTitle: 'Your session has ended',
  expiredText: 'Sign in again to go on. What you typed is still here.',
  leave: 'Leave, and lose what is not saved',
  setupNeeded: 'This gateway has no owner yet. Open the one-time link that it printed when it started.',
}

export default session
