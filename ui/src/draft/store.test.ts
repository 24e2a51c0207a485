import { describe, expect, it } from 'vitest'
import { addRule, blankRule, changeRule, deleteRule, wire } from './document'
import { IDS, order, received, sample } from './samples'
import { createDraftStore, draftChanges, isChanged, type Keep } from './store'

function storage(limit = Infinity): Keep & { size(): number } {
  const held = new Map<string, string>()
  return {
    getItem: (name) => held.get(name) ?? null,
    setItem: (name, value) => {
      if (value.length > limit) throw new DOMException('full', 'QuotaExceededError')
      held.set(name, value)
    },
    removeItem: (name) => void held.delete(name),
    size: () => held.size,
  }
}

function ready(keep: Keep | null = storage()) {
  const store = createDraftStore(keep)
  store.receive(7, received(), IDS)
  return store
}

const draft = (store: ReturnType<typeof ready>) => {
  const found = store.get()
  if (!found) throw new Error('no draft')
  return found
}

describe('a draft', () => {
  it('begins without changes and steps back and forth through edits', () => {
    const store = ready()
    expect(draftChanges(draft(store))).toEqual([])
    store.edit('one', (document) => addRule(document, blankRule('One'), 0))
    store.edit('two', (document) => deleteRule(document, '01TAG'))
    store.edit('nothing', (document) => document)
    expect(draft(store).past.map((step) => step.label)).toEqual(['one', 'two'])
    store.undo()
    expect(order(draft(store).document)).toContain('Tag')
    expect(draft(store).future.map((step) => step.label)).toEqual(['two'])
    store.redo()
    expect(order(draft(store).document)).not.toContain('Tag')
    store.undo()
    store.undo()
    store.undo()
    expect(isChanged(draft(store))).toBe(false)
    store.edit('other', (document) => deleteRule(document, '01BLOCK'))
    expect(draft(store).future).toEqual([])
  })

  it('takes typing in one field as one step, until something else is done', () => {
    const store = ready()
    const type = (name: string) =>
      store.edit('name', (document) => changeRule(document, '01TAG', { name }), 'name 01TAG')
    type('A')
    type('AB')
    store.edit('one', (document) => deleteRule(document, '01BLOCK'))
    type('ABC')
    expect(draft(store).past.map((step) => step.label)).toEqual(['name', 'one', 'name'])
    store.undo()
    type('ABD')
    expect(draft(store).past.map((step) => step.label)).toEqual(['name', 'one', 'name'])
    store.undo()
    store.undo()
    store.undo()
    expect(isChanged(draft(store))).toBe(false)
  })

  it('is written down when it is time, as it is then', () => {
    const keep = storage()
    const waiting: (() => void)[] = []
    const store = createDraftStore(keep, (write) => waiting.push(write))
    store.receive(7, received(), IDS)
    store.edit('one', (document) => deleteRule(document, '01TAG'))
    expect(keep.size()).toBe(0)
    for (const write of waiting) write()
    expect(keep.size()).toBe(1)
  })

  it('survives a reload, with the names that its things had', () => {
    const keep = storage()
    const store = ready(keep)
    store.edit('rename', (document) => changeRule(document, '01TAG', { name: 'Renamed' }))
    const again = createDraftStore(keep)
    expect(again.get()).toBeNull()
    again.receive(7, received(), IDS)
    expect(draft(again).base).toBe(7)
    expect(draftChanges(draft(again))).toEqual([{ area: 'rule', name: 'Renamed', change: 'changed' }])
  })

  it('without changes leaves nothing in the browser and gives way to what is newer', () => {
    const keep = storage()
    const store = ready(keep)
    store.edit('one', (document) => deleteRule(document, '01TAG'))
    expect(keep.size()).toBe(1)
    store.discard()
    expect(keep.size()).toBe(0)
    store.receive(8, wire(deleteRule(sample(), '01BLOCK')), IDS)
    expect(draft(store)).toMatchObject({ base: 8, newer: null })
    expect(order(draft(store).document)).not.toContain('Block')
  })

  it('with changes is never replaced by what is newer', () => {
    const store = ready()
    store.edit('one', (document) => deleteRule(document, '01TAG'))
    store.receive(8, wire(deleteRule(sample(), '01BLOCK')), IDS)
    expect(draft(store)).toMatchObject({ base: 7, newer: 8 })
    expect(order(draft(store).document)).toContain('Block')
    expect(store.rebaseOnto(8, wire(deleteRule(sample(), '01BLOCK')), {}, IDS)).toEqual([])
    expect(draft(store)).toMatchObject({ base: 8, newer: null })
    expect(order(draft(store).document).slice(0, 2)).toEqual(['Enforce', 'opportunistic_tls'])
    expect(draftChanges(draft(store))).toEqual([{ area: 'rule', name: 'Tag', change: 'removed' }])
  })

  it('stays as it was while a conflict is open', () => {
    const store = ready()
    store.edit('one', (document) => deleteRule(document, '01TAG'))
    const before = draft(store)
    const newer = wire(changeRule(sample(), '01TAG', { note: 'theirs' }))
    expect(store.rebaseOnto(8, newer, {}, IDS)).toMatchObject([{ id: 'rule:tag' }])
    expect(store.get()).toBe(before)
    expect(store.rebaseOnto(8, newer, { 'rule:tag': 'theirs' }, IDS)).toEqual([])
    expect(isChanged(draft(store))).toBe(false)
  })

  it('published is the new base', () => {
    const keep = storage()
    const store = ready(keep)
    store.edit('one', (document) => deleteRule(document, '01TAG'))
    store.published(8)
    expect(draft(store)).toMatchObject({ base: 8, past: [] })
    expect(isChanged(draft(store))).toBe(false)
    expect(keep.size()).toBe(0)
  })

  it('published takes over the ids that the gateway gave, and tells nobody where nothing is new', () => {
    const store = ready()
    store.edit('one', (document) => addRule(document, blankRule('New'), 0))
    const sent = wire(draft(store).document)
    store.published(8)
    store.receive(8, sent, { ...IDS, rule: new Map([...IDS.rule, ['new', '01NEW']]) })
    expect(draft(store).document.rule[0]?.key).toBe('01NEW')
    const before = draft(store)
    store.receive(8, sent, { ...IDS, rule: new Map([...IDS.rule, ['new', '01NEW']]) })
    expect(store.get()).toBe(before)
  })

  it('says when the browser could not keep it, and works on', () => {
    const store = ready(storage(10))
    store.edit('one', (document) => deleteRule(document, '01TAG'))
    expect(draft(store).kept).toBe(false)
    expect(order(draft(store).document)).not.toContain('Tag')
  })

  it('is not restored from what is no draft, and is forgotten when told', () => {
    const keep = storage()
    keep.setItem('gatepost.draft', '{"base":1,"document":{}}')
    expect(draft(ready(keep)).base).toBe(7)
    const store = ready(keep)
    store.edit('one', (document) => deleteRule(document, '01TAG'))
    store.forget()
    expect(keep.size()).toBe(0)
    expect(store.get()).toBeNull()
  })

  it('tells those who listen, until they stop', () => {
    const store = ready()
    let told = 0
    const stop = store.subscribe(() => (told += 1))
    store.edit('one', (document) => deleteRule(document, '01TAG'))
    stop()
    store.undo()
    expect(told).toBe(1)
  })
})
