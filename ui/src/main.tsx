// The console begins here: theme and language first, so that nothing flickers, then the application.

import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import './design/index.css'
import { App } from './app/App'
import { applyTheme } from './app/theme'
import { preferredLanguage, setLanguage } from './lib/i18n'

applyTheme()
const root = document.getElementById('root')
if (root !== null) {
  setLanguage(preferredLanguage())
    .catch(() => setLanguage('en'))
    .finally(() =>
      createRoot(root).render(
        <StrictMode>
          <App />
        </StrictMode>,
      ),
    )
}
