// What the browser has in hand, given to the reader as a file.

/** Hands over bytes as a file of that name. */
export function saveBlob(name: string, blob: Blob): void {
  const url = URL.createObjectURL(blob)
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  // the browser takes the bytes after the click; a moment later nobody needs the address
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}

/** Hands over a text as a file of that name; `type` without a charset. */
export function saveText(name: string, type: string, text: string): void {
  saveBlob(name, new Blob([text], { type: `${type};charset=utf-8` }))
}
