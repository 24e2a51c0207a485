// Into which list: a new one with a name, or one that the policy has.

import { SelectField, TextField } from '../../design'
import { t } from '../../lib/i18n'

/** What the choice of a new list is called inside; no list has an empty name. */
const another = ''

export function ListChoice({ list, setList, lists, fresh }: { list: string; setList: (name: string) => void; lists: readonly string[]; fresh: string }) {
  const known = lists.find((name) => name.trim().toLowerCase() === list.trim().toLowerCase())
  return (
    <div className="toolbar">
      {lists.length > 0 && (
        <SelectField
          label={t('tls.list')}
          value={known ?? another}
          onValue={(name) => setList(name === another ? (lists.includes(fresh) ? `${fresh} 2` : fresh) : name)}
          choices={[{ value: another, label: t('tls.listNew') }, ...lists.map((name) => ({ value: name, label: name }))]}
        />
      )}
      {known === undefined ? (
        <TextField className="wide" label={t('tls.listName')} hint={t('tls.listHint')} value={list} onValue={setList} error={list.trim() === '' ? t('tls.listNameMissing') : null} />
      ) : (
        <p className="muted small">{t('tls.listAdds', { name: known })}</p>
      )}
    </div>
  )
}
