// The console begins here: theme, language, session and the file of the screen, all at once, then the application.
// Nothing is drawn before they are here, so that nothing flickers and nothing is drawn twice.

import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import './design/index.css'
import { App, prepareFirst } from './app/App'
import { askSession } from './app/session'
import { applyTheme } from './app/theme'
import { preferredLanguage, setLanguage } from './lib/i18n'

async function begin(root: HTMLElement): Promise<void> {
  const session = askSession()
  const words = setLanguage(preferredLanguage()).catch(() => setLanguage('en'))
  const [first] = await Promise.all([session, prepareFirst(session), words])
  createRoot(root).render(
    <StrictMode>
      <App first={first} />
    </StrictMode>,
  )
}

applyTheme()
const root = document.getElementById('root')
if (root !== null) void begin(root)
